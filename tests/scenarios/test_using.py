"""docs/using.md: its programs run as they are written, in the order of the page."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scenarios.child import ROOT, Child, bare

PAGE = ROOT / "docs" / "using.md"
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def here(text: str, demo: Child, key: str) -> str:
    """The page's address and key, as they are here."""
    return text.replace("https://ai.example.com", demo.url).replace("tk_…", key)


def test_what_the_page_shows_runs(tmp_path: Path) -> None:
    page = PAGE.read_text("utf-8")
    with Child(tmp_path / "data", {}, "--demo") as demo:
        key = json.loads((demo.data / "demo.json").read_text("utf-8"))["api_key"]
        program = here("\n".join(PYTHON.findall(page)), demo, key)
        ran = subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env=bare({}),
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran.stderr
        said, images = ran.stdout.splitlines()[0], ran.stdout.splitlines()[-1]
        # What it cost stands at the end of what was said.
        assert 0 < float(said.rpartition(" ")[2]) < 1
        assert images.count(demo.url) == 2
        assert (tmp_path / "waves.mp4").read_bytes()[4:8] == b"ftyp"
        for script in SHELL.findall(page):
            asked = subprocess.run(
                ["bash", "-euc", here(script, demo, key)],
                capture_output=True,
                text=True,
            )
            assert asked.returncode == 0, asked.stderr
            assert '"error"' not in asked.stdout and "gpt-4o" in asked.stdout
