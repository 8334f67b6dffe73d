"""Epilog: what stands below every command's help, its examples and its exit codes.

Exit codes mean the same everywhere: 0 done, 1 what was looked at is not well, 2 bad
input or refused. A command that has more to say says so beside its examples.
"""

from collections.abc import Mapping

PROGRAM = "run_proxy.py"
DONE, BROKEN, REFUSED = 0, 1, 2
CODES: Mapping[int, str] = {
    DONE: "done",
    REFUSED: "bad input, or refused: one line says why, and nothing was changed",
}


def epilog(*examples: str, codes: Mapping[int, str] = CODES) -> str:
    """For click, whose paragraphs keep their lines after a line of `\\b`."""
    shown = [f"  {PROGRAM} {example}" for example in examples]
    ends = [f"  {code}  {text}" for code, text in sorted(codes.items())]
    title = "Examples:" if len(examples) > 1 else "Example:"
    return "\n".join(["\b", title, *shown, "", "\b", "Exit codes:", *ends])
