"""Shell completion, as README sets it up: a real shell is asked how a line goes on."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click.shell_completion
import pytest

from config.epilog import PROGRAM
from run_proxy import main

ROOT = Path(__file__).parents[1]
VARIABLE = "_RUN_PROXY_PY_COMPLETE"
# What bash does when somebody presses the key at the end of a line.
PRESS = """
eval "$({variable}=bash_source ./{program})"
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
"$(complete -p {program} | sed 's/.* -F //; s/ .*//')" ./{program}
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def completions(words: list[str], incomplete: str) -> list[str]:
    asked = click.shell_completion.ShellComplete(main, {}, PROGRAM, VARIABLE)
    return [one.value for one in asked.get_completions(words, incomplete)]


@pytest.mark.parametrize(
    ("words", "incomplete", "found"),
    [
        ([], "us", ["user"]),
        ([], "ver", ["verify"]),
        (["user"], "gr", ["grant"]),
        (["user", "role", "ada@example.com"], "op", ["operator"]),
        (["verify"], "--si", ["--since"]),
        (["--demo"], "--po", ["--port"]),
        (["config", "check"], "--js", ["--json"]),
    ],
)
def test_a_line_goes_on(words: list[str], incomplete: str, found: list[str]) -> None:
    assert completions(words, incomplete) == found


def test_without_a_word_every_command_is_offered_and_no_inner_one() -> None:
    offered = completions([], "")
    assert {"serve", "user", "doctor", "quote"} <= set(offered)
    assert "worker" not in offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_program_prints_what_a_shell_needs(shell: str) -> None:
    said = subprocess.run(
        [sys.executable, ROOT / PROGRAM],
        env={**os.environ, VARIABLE: f"{shell}_source"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    assert PROGRAM in said and VARIABLE in said


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_the_program_in_this_directory() -> None:
    script = PRESS.format(
        variable=VARIABLE, program=PROGRAM, words=f"./{PROGRAM} receipt ch"
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert done.stdout.split() == ["check"], done.stderr
