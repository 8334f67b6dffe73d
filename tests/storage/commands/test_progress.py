"""Progress: bars for people, and nothing for anybody else."""

import io

import pytest

from storage.commands.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def story(progress: Progress) -> None:
    copying, proving = progress.stage("copying"), progress.stage("proving")
    for done in (10, 40, 40):
        copying(done, 40)
    proving(0, 0)


def test_each_stage_is_shown_to_its_end() -> None:
    seen = Terminal()
    story(Progress(quiet=False, file=seen))
    text = seen.getvalue()
    assert "copying" in text and "10/40" in text and "40/40" in text
    assert text.index("40/40") < text.index("proving")
    assert text.count("\n") == 2, "a line each"


@pytest.mark.parametrize(
    ("quiet", "file"), [(True, Terminal()), (False, io.StringIO())]
)
def test_nobody_else_is_bothered(quiet: bool, file: io.StringIO) -> None:
    story(Progress(quiet, file))
    assert file.getvalue() == ""
