"""Leases: which gateways live, by the database's clock.

No lock of a kernel reaches over machines, so a boot says until when it may be taken for
alive and says so again well before that moment. One whose lease ran out is dead, and
what it holds is voided. If it was only slow or cut off, its charges arrive late and are
charged all the same. The hosts' clocks play no part.
"""

from storage.engine import Reads

LEASE_SECONDS = 15
RENEW_SECONDS = 4.0
LEADER = 0x6175746F_00000003
"""The lock of the one gateway that sweeps and audits."""

_NOW_NS = "(extract(epoch FROM clock_timestamp()) * 1000000000)::bigint"
RENEW = f"UPDATE boot SET lease_ns = {_NOW_NS} + ?2 WHERE id = ?1 RETURNING id"
_LIVES = f"SELECT 1 FROM boot WHERE id = ?1 AND lease_ns > {_NOW_NS}"


class Leases:
    """The boots of one database."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    def is_dead(self, boot_id: str) -> bool:
        return not self._reads.rows(_LIVES, (boot_id,))

    def sweep(self) -> None:
        """Nothing is left behind but rows, which are the ledger's history."""
