"""A gateway that dies at a mark, as a test starts it."""

import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.faults import marks
from tests.scenarios.child import LOG, Child

# What only one verb of the ledger says.
ADMIT = "INSERT INTO hold"
SETTLE = "INSERT INTO usage"
REDEEM = "UPDATE voucher SET spent_by"
PAY_ORDER = "UPDATE payment_order SET state = 'paid'"


class MarkedChild(Child):
    """`run_proxy.py serve` that kills itself at one point of the ledger."""

    def __init__(
        self,
        data: Path,
        environ: Mapping[str, str],
        moment: str,
        statement: str,
        count: int = 1,
        *flags: str,
    ) -> None:
        super().__init__(data, environ, *flags)
        self.mark = [moment, statement, str(count)]

    @property
    def program(self) -> list[str]:
        module = [sys.executable, "-m", marks.__name__]
        return [*module, *self.mark, *self.command]

    def died(self) -> None:
        """Returns when it is dead, of its mark and of nothing else."""
        assert self.wait() == -signal.SIGKILL
        moment, statement, _ = self.mark
        said = (self.data / LOG).read_text("utf-8")
        assert f"{marks.REACHED}: {moment} {statement}\n" in said
