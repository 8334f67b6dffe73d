"""Options: the texts that operators type, read exactly or refused."""

import click
import pytest
from click.testing import CliRunner

from run_proxy import main
from storage.commands.options import (
    amount_nano,
    cap_nano,
    gift_nano,
    money_nano,
    signed_nano,
)
from storage.keys import KEEP

CONTEXT = click.Context(click.Command("any"))
OPTION = click.Option(["--amount"])


@pytest.mark.parametrize(
    ("read", "text", "found"),
    [
        (amount_nano, "2.50", 2_500_000_000),
        (amount_nano, "0.000000001", 1),
        (amount_nano, "0", None),
        (amount_nano, "-1", None),
        (amount_nano, "1,5", None),
        (amount_nano, "1000000", 10**15),
        (amount_nano, "1000000.000000001", None),
        (gift_nano, "0", 0),
        (gift_nano, "1000000.01", None),
        (money_nano, "0", 0),
        (money_nano, "9000000000", 9 * 10**18),
        (money_nano, "-0.01", None),
        (signed_nano, "-2", -2_000_000_000),
        (signed_nano, "-0.00", None),
        (signed_nano, "-1000000", -(10**15)),
        (signed_nano, "-1000000.01", None),
        (cap_nano, "none", None),
        (cap_nano, "0", 0),
        (cap_nano, None, KEEP),
    ],
)
def test_an_amount_is_exact_dollars(read, text, found):
    if found is None and text != "none":
        with pytest.raises(click.BadParameter):
            read(CONTEXT, OPTION, text)
    else:
        assert read(CONTEXT, OPTION, text) == found


def test_a_configuration_says_where_the_ledger_is(
    only_postgres, ada, url, tmp_path
):
    """Where the environment is silent; what else is in the directory is not read."""
    (tmp_path / "gateway.yaml").write_text(f"storage: {url}\n")
    options = ["verify", "--data", str(tmp_path), "--config", str(tmp_path)]
    answer = CliRunner().invoke(main, options, env={"AUTOLIST_STORAGE": None})
    assert (answer.exit_code, "proved: 1 transfers" in answer.stdout) == (0, True)


def test_a_password_in_a_wrong_address_is_not_told(run, tmp_path):
    (tmp_path / "gateway.yaml").write_text("storage: postgres://u:tops3cret@h/d\n")
    answer = run("verify", "--config", str(tmp_path))
    assert answer.exit_code == 2
    assert "expected nothing, or postgresql://user@host/name" in answer.stderr
    assert "tops3cret" not in answer.output
