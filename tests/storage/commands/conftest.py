"""Commands as an operator types them, on a ledger with one user."""

import orjson
import pytest
from click.testing import CliRunner

from run_proxy import main
from tests.storage.teller import Teller


@pytest.fixture
def run(data, url):
    def run_one(*args, given=None):
        environ = {"AUTOLIST_STORAGE": url}
        whole = [*args, "--data", str(data)]
        return CliRunner().invoke(main, whole, input=given, env=environ)

    return run_one


@pytest.fixture
def run_json(run):
    def run_one(*args):
        answer = run(*args, "--json")
        assert answer.exit_code == 0, answer.output
        return orjson.loads(answer.stdout)

    return run_one


@pytest.fixture
def refused(run):
    """Bad input: exit code 2, and a word about it on standard error alone."""

    def refuse(said, *args):
        answer = run(*args)
        assert (answer.exit_code, answer.stdout) == (2, "")
        assert said in answer.stderr

    return refuse


@pytest.fixture
def ada(open_ledger):
    """Not by the command, which takes its time over the password."""
    storage = open_ledger(gateway=False)
    caller = Teller(storage).caller()
    storage.close()
    return {"id": caller.user_id, "api_key": caller.key.plain}
