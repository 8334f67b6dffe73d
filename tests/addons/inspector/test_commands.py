"""`meter` reads a file and nothing else, and says what is wrong in one line."""

from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from addons.inspector.commands import meter, web_password
from tests.addons.inspector.captures import saved
from tests.addons.inspector.test_recomputing import CHARGED, call, request

SHIPPED = Path(__file__).parents[3] / "config"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "flows"
    path.write_bytes(saved(request(), call()))
    return path


def test_the_table_says_what_is_charged_and_computed(file: Path) -> None:
    done = CliRunner().invoke(meter, [str(file)])
    assert done.exit_code == 0
    assert "req_1" in done.stdout and "input 12, output 34" in done.stdout
    assert "1 requests: 1 same, 0 DIFFERENT" in done.stdout


def test_json_has_exact_figures(file: Path) -> None:
    done = CliRunner().invoke(meter, [str(file), "--json"])
    (found,) = orjson.loads(done.stdout)
    assert (found["verdict"], found["computed_nano"]) == ("same", CHARGED)


def test_other_prices_may_be_tried(file: Path) -> None:
    done = CliRunner().invoke(meter, [str(file), "--config", str(SHIPPED)])
    assert done.exit_code == 0 and "1 cannot be computed" in done.stdout
    assert "have none for its model and moment" in done.stdout


def test_a_difference_is_an_exit_code(tmp_path: Path) -> None:
    wrong = {"paid_nano": CHARGED + 1, "cost_nano": CHARGED + 1}
    path = tmp_path / "flows"
    path.write_bytes(saved(request(facts=wrong), call()))
    done = CliRunner().invoke(meter, [str(path)])
    assert (done.exit_code, "1 DIFFERENT" in done.stdout) == (1, True)


@pytest.mark.parametrize("content", [b"", b"hello", b"4:oops,"])
def test_what_is_no_capture_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "flows"
    path.write_bytes(content)
    done = CliRunner().invoke(meter, [str(path)])
    assert (done.exit_code, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


def test_a_password_becomes_its_hash() -> None:
    done = CliRunner().invoke(web_password, ["--password", "correct horse"])
    assert done.stdout.startswith("$argon2id$") and "horse" not in done.stdout
    assert CliRunner().invoke(web_password, ["--password", ""]).exit_code == 2
