"""`quote`: what a request would cost, by the shipped files, with no gateway."""

from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

import config
from addons.commands import quote

CONFIG = str(Path(config.__file__).parent)
NIGHT = ("--at", "2026-11-23T00:00Z")
PEAK = ("--at", "2026-11-23T02:00Z")
CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}


def run(*arguments: str, body: bytes | None = None) -> Result:
    return CliRunner().invoke(quote, [*arguments, "--config", CONFIG], input=body)


def told(*arguments: str, body: bytes | None = None) -> dict:
    result = run(*arguments, "--json", body=body)
    assert result.exit_code == 0, result.output
    found: dict = orjson.loads(result.stdout)
    return found


@pytest.mark.parametrize(
    ("arguments", "worst", "expected"),
    [
        ("gpt-4o --input-tokens 1200 --output-tokens 300", "0.006", "0.006"),
        ("gpt-4o --input-tokens 0 --output-tokens 300 --n 2", "0.006", "0.006"),
        # The model's own limit of 16384, and 512 that are likely.
        ("gpt-4o --input-tokens 1200", "0.16684", "0.00812"),
        # Written to the cache it would cost 3.75 a million, and an hour 6.00.
        (
            "claude-3.5-sonnet --input-tokens 1000 --output-tokens 10",
            "0.00615",
            "0.00315",
        ),
        # Above 256,000 tokens another tier holds.
        ("qwen-plus --input-tokens 256000 --output-tokens 0", "0.128", "0.1024"),
        ("qwen-plus --input-tokens 256001 --output-tokens 0", "0.3840015", "0.3072012"),
        ("dall-e-3", "0.04", "0.04"),
        ("dall-e-3 --n 3 --size 1792x1024 --quality hd", "0.12", "0.12"),
        ("stable-diffusion --n 10", "0.20", "0.20"),
        ("gen-2", "0.15", "0.15"),
        ("gen-2 --duration 5 --aspect-ratio 9:16", "0.15", "0.15"),
        ("pika-1.0 --resolution 1080p", "0.10", "0.10"),
    ],
)
def test_the_files_say_what_a_request_costs(
    arguments: str, worst: str, expected: str
) -> None:
    found = told("--model", *arguments.split())
    assert found["worst_case"]["cost_exact"] == worst
    assert found["expected"]["cost_exact"] == expected


@pytest.mark.parametrize(("at", "cost"), [(NIGHT, "0.00075"), (PEAK, "0.0015")])
def test_the_moment_decides_the_rates(at, cost: str) -> None:
    tokens = ("--input-tokens", "1000", "--output-tokens", "1000")
    found = told("--model", "deepseek-v3", *tokens, *at)
    assert found["worst_case"]["cost_exact"] == cost
    assert found["price"]["effective_from"] == "2026-07-24"
    assert found["price"]["conditions"]["thinking"] is False


def test_an_older_moment_has_an_older_price() -> None:
    tokens = ("--input-tokens", "1000000", "--output-tokens", "0")
    found = told("--model", "deepseek-v3", *tokens, "--at", "2026-01-01")
    assert found["price"]["effective_from"] == "2023-01-01"
    assert found["worst_case"]["cost_exact"] == "0.28"


@pytest.mark.parametrize(
    ("body", "endpoint", "worst"),
    [
        # Two bytes and what wraps them, and the whole output limit.
        (CHAT, "chat/completions", "0.163925"),
        ({**CHAT, "max_tokens": 100}, "chat/completions", "0.001085"),
        ({"request": {**CHAT, "max_tokens": 100}}, "chat/completions", "0.001085"),
        (
            {"endpoint": "images/generations", "request": {"prompt": "x", "n": 2}},
            "images/generations",
            "0.08",
        ),
        (
            {"endpoint": "videos/generations", "request": {"prompt": "x"}},
            "videos/generations",
            "0.15",
        ),
    ],
)
def test_a_body_is_quoted_as_the_gateway_would(
    tmp_path: Path, body, endpoint: str, worst: str
) -> None:
    file = tmp_path / "request.json"
    file.write_bytes(orjson.dumps(body))
    found = told(str(file), *NIGHT)
    assert (found["object"], found["endpoint"]) == ("quote", endpoint)
    assert found["worst_case"]["cost_exact"] == worst
    assert told("-", *NIGHT, body=orjson.dumps(body)) == found


def test_people_read_lines_that_add_up() -> None:
    tokens = ("--input-tokens", "1200", "--output-tokens", "300")
    lines = run("--model", "gpt-4o", *tokens, *NIGHT).stdout.splitlines()
    assert lines[0].startswith("gpt-4o at 2026-11-23: price ")
    assert lines[0].endswith(" since 2023-01-01, dollars per million tokens")
    assert lines[2:5] == [
        "at most 0.006",
        "  input   1200  × 2.50   = 0.003",
        "  output  300   × 10.00  = 0.003",
    ]
    assert lines[6] == "expected 0.006"
    assert lines[-1].startswith("  supposing input as given")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give a FILE or a --model"),
        (("--model", "gpt-9"), "The model 'gpt-9' does not exist"),
        (("--model", "gpt-4o"), "give --input-tokens"),
        (("--model", "gpt-4o", "--input-tokens", "x"), "--input-tokens"),
        (("--model", "gpt-4o", "--input-tokens", "-1"), "--input-tokens"),
        (("--model", "gpt-4o", "--input-tokens", "1", "--n", "0"), "--n"),
        (
            ("--model", "gpt-4o", "--input-tokens", "1", "--at", "2020-01-01"),
            "The model 'gpt-4o' has no price",
        ),
        (("--model", "gpt-4o", "--at", "tomorrow"), "a moment is written"),
        (("--model", "gpt-4o", "--size", "1x1"), "gpt-4o is paid for by tokens"),
        (("--model", "dall-e-3", "--duration", "5"), "paid for by images"),
        (("--model", "gen-2", "--n", "2"), "paid for by videos"),
        (("--model", "dall-e-3", "--n", "11"), "Parameter 'n'"),
        (("--model", "dall-e-3", "--size", "big"), "Parameter 'size'"),
        (("--model", "gen-2", "--aspect-ratio", "1"), "Parameter 'aspect_ratio'"),
        (("--model", "gen-2", "--aspect-ratio", "1:1"), "Parameter 'aspect_ratio'"),
        (("--model", "gen-2", "--resolution", "1080p"), "Parameter 'resolution'"),
        (("--model", "pika-1.0", "--duration", "7"), "expected one of 5, 10, got 7"),
        (("no-such-file.json",), "No such file"),
    ],
)
def test_bad_input_is_exit_code_2_and_says_what(arguments, said: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{", "not valid JSON"),
        (orjson.dumps({**CHAT, "temperature": 3}), "Parameter 'temperature'"),
        (orjson.dumps({**CHAT, "max_tokens": 16_385}), "Parameter 'max_tokens'"),
        (orjson.dumps({**CHAT, "model": "gpt-9"}), "does not exist"),
        (orjson.dumps({"endpoint": "x", "request": {}}), "Parameter 'endpoint'"),
    ],
)
def test_a_body_is_refused_as_the_gateway_would(body: bytes, said: str) -> None:
    result = run("-", body=body)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_a_file_says_all_by_itself() -> None:
    result = run("-", "--model", "gpt-4o", body=orjson.dumps(CHAT))
    assert (result.exit_code, "no options beside it" in result.stderr) == (2, True)


def test_a_mistake_in_the_files_is_its_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(quote, ["--model", "x", "--config", str(tmp_path)])
    assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1)
