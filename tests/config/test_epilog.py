"""Epilog: examples and exit codes, laid out for click."""

from config.epilog import BROKEN, CODES, DONE, epilog


def test_one_example_has_its_title_in_the_singular() -> None:
    assert epilog("verify", codes={DONE: "proved"}).splitlines() == [
        "\b",
        "Example:",
        "  run_proxy.py verify",
        "",
        "\b",
        "Exit codes:",
        "  0  proved",
    ]


def test_codes_are_in_order() -> None:
    found = epilog("verify", "verify --since", codes={**CODES, BROKEN: "broken"})
    assert "Examples:" in found
    assert [line[2] for line in found.splitlines()[-3:]] == ["0", "1", "2"]
