from pathlib import Path
from shutil import copytree

import pytest
from click.testing import CliRunner, Result

from config.commands import config_group, price_warnings, prices_group, table
from config.prices import moment_ns
from config.settings import load


@pytest.fixture
def directory(shipped: Path, tmp_path: Path) -> Path:
    """A copy of the shipped directory, to be spoilt."""
    return copytree(shipped, tmp_path / "config")


def run(*args: object, **environ: str | None) -> Result:
    group = {"config": config_group, "prices": prices_group}[str(args[0])]
    unset = dict.fromkeys(
        (
            "ANTHROPIC_API_KEY",
            "AUTOLIST_CONFIG",
            "DASHSCOPE_API_KEY",
            "DEEPSEEK_API_KEY",
            "FAL_KEY",
            "OPENAI_API_KEY",
            "RUNWAYML_API_SECRET",
        )
    )
    return CliRunner().invoke(group, list(map(str, args[1:])), env=unset | environ)


def change(path: Path, old: str, new: str) -> None:
    content = path.read_text(encoding="utf-8")
    assert old in content
    path.write_text(content.replace(old, new, 1), encoding="utf-8")


def test_config_check_says_what_would_be_served(directory):
    result = run("config", "check", "--config", directory, OPENAI_API_KEY="sk-secret")

    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["openai", "https://api.openai.com/v1", "OPENAI_API_KEY"] in lines
    assert lines[5][2:] == ["none", "(set", "DEEPSEEK_API_KEY)"]
    assert ["gpt-4o", "openai/gpt-4o", "available"] in lines
    states = {line[0]: line[2:] for line in lines if line and "/" in line[1]}
    assert states["qwen-plus"] == states["demo-chat"] == ["only", "with", "--demo"]
    assert states["claude-3.5-sonnet"] == ["only", "with", "--demo"]
    assert "sk-secret" not in result.output


def test_config_check_says_which_model_nobody_serves(directory):
    candidate = "\n      - {provider: anthropic, model: claude-sonnet-4-6}"
    change(directory / "providers.yaml", candidate, " []")

    lines = run("config", "check", "--config", directory).stdout.splitlines()

    nobody = ["claude-3.5-sonnet", "nobody", "only", "with", "--demo"]
    assert nobody in [line.split() for line in lines]


def test_prices_check_prints_every_price(directory):
    result = run("prices", "check", "--config", directory)

    assert result.exit_code == 0
    assert all(
        line.startswith("warning: ") for line in result.stderr.splitlines()
    )
    row = next(line for line in result.stdout.splitlines() if "gpt-4o-mini" in line)
    assert row.split()[:3] == ["*", "gpt-4o-mini", "2023-01-01"]
    assert "0.15 / 0.15  0.075 / 0.075" in row
    rows = result.stdout.splitlines()
    assert any(row.endswith("input above 256000 tokens, thinking") for row in rows)
    assert any(row.split()[:3] == ["*", "gen-2", "2023-01-01"] for row in rows)
    assert "no models in providers.yaml" not in result.stdout


def test_prices_check_shows_what_a_version_changes(directory):
    change(
        directory / "prices.yaml",
        "\nclaude-3.5-sonnet:",
        """
  - effective_from: 2026-12-01
    sell: {input: "0.20", cache_read: "0.075", output: "0.60"}
    buy: {input: "0.15", cache_read: "0.075", output: "0.50"}
    cases:
      - when: {thinking: true}
        sell: {output: "0.90"}

claude-3.5-sonnet:""",
    )

    result = run("prices", "check", "--config", directory)

    lines = [line.split() for line in result.stdout.splitlines() if "→" in line]
    mini = [line for line in lines if line[:2] == ["gpt-4o-mini", "2026-12-01"]]
    assert [line[2:] for line in mini] == [
        ["input", "0.15", "→", "0.20", "same"],
        ["cache_write", "0.15", "→", "0.20", "same"],
        ["output", "same", "0.60", "→", "0.50"],
        ["input", "0.15", "→", "0.20", "same", "thinking"],
        ["cache_write", "0.15", "→", "0.20", "same", "thinking"],
        ["output", "0.60", "→", "0.90", "0.60", "→", "0.50", "thinking"],
    ]


def test_prices_check_marks_the_version_in_force(directory):
    prices = directory / "prices.yaml"
    change(
        prices,
        "demo-chat:\n",
        'demo-chat:\n  - {effective_from: 2200-01-01, sell: {input: "9", output: "9"},'
        ' buy: {input: "0", output: "0"}}\n',
    )

    result = run("prices", "check", "--config", directory)

    prices, changes = result.stdout.split("What a version changes")
    rows = [line for line in prices.splitlines() if "demo-chat" in line]
    assert [row.split()[0] for row in rows] == ["*", "demo-chat"]
    assert "0.10 → 9.00" in changes


def test_prices_check_warns_in_one_line_a_model(directory):
    change(directory / "prices.yaml", 'buy: {input: "2.50"', 'buy: {input: "2.75"')

    result = run("prices", "check", "--config", directory)

    assert result.exit_code == 0
    (line,) = [line for line in result.stderr.splitlines() if "gpt-4o " in line]
    assert line == (
        "warning: gpt-4o sells below cost: input 2.50 < 2.75, cache_write 2.50 < 2.75"
        " (dollars per million tokens)"
    )


def test_a_model_without_a_price_is_a_warning_and_a_price_without_a_model_none(
    directory,
):
    change(directory / "prices.yaml", "\ngpt-4o:", "\ngpt-4x:")
    settings = load(directory, {})

    assert price_warnings(settings, moment_ns("2026-11-23"))[-1] == (
        "gpt-4o has no price in force, so it is refused with 503 price_unknown"
    )
    assert len(price_warnings(settings, 0)) == len(settings.models)
    result = run("prices", "check", "--config", directory)
    assert "no models in providers.yaml: gpt-4x" in result.stdout


@pytest.mark.parametrize("group", ["config", "prices"])
def test_a_mistake_is_its_one_line_and_exit_code_2(directory, group):
    change(directory / "gateway.yaml", "rpm: 6000", "rpm: many")
    content = (directory / "gateway.yaml").read_text(encoding="utf-8").splitlines()
    number = content.index("  rpm: many") + 1

    result = run(group, "check", "--config", directory)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == (
        f'gateway.yaml:{number}: limits.rpm: "many": expected a whole number ≥ 0\n'
    )


def test_the_directory_can_come_from_the_environment(directory):
    change(directory / "gateway.yaml", "port: 8000", "port: -1")

    assert run("config", "check", AUTOLIST_CONFIG=str(directory)).exit_code == 2


@pytest.mark.parametrize("group", ["config", "prices"])
def test_a_missing_directory_is_one_line(tmp_path, group):
    result = run(group, "check", "--config", tmp_path / "nowhere")

    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("group", ["config", "prices"])
def test_every_command_has_help(group):
    result = run(group, "check", "--help")

    assert result.exit_code == 0
    assert "--config" in result.stdout


def test_a_table_is_as_wide_as_it_needs_to_be():
    assert table([("a", "bb"), ("ccc", "d"), ("", "")]) == "a    bb\nccc  d\n"
