"""What the tests of config share: documents from text, and the shipped directory."""

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from config.document import ConfigError, Node, open_document

SHIPPED = Path(__file__).parents[2] / "config"

type Opener = Callable[..., Node]


@pytest.fixture
def document(tmp_path: Path) -> Opener:
    """Opens a text, or bytes, as the document gateway.yaml."""

    def open_text(content: str | bytes, environ: Mapping[str, str] | None = None):
        raw = content if isinstance(content, bytes) else dedent(content).encode()
        (tmp_path / "gateway.yaml").write_bytes(raw)
        return open_document(tmp_path / "gateway.yaml", environ or {})

    return open_text


@pytest.fixture
def mistake() -> Callable[..., str]:
    """The one line a call complains with."""

    def complaint(call: Callable[..., object], *args: object) -> str:
        with pytest.raises(ConfigError) as caught:
            call(*args)
        line = str(caught.value)
        assert line.splitlines() == [line], "a mistake is one line"
        assert ": expected " in line
        return line

    return complaint


@pytest.fixture
def shipped() -> Path:
    return SHIPPED
