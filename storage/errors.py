"""What storage raises.

    StorageError
    ├── LedgerUnavailable   nothing was written, or it is safe to repeat by the same id
    │   └── LedgerBusy      the queue is full; nothing was tried
    ├── IllegalMove         a hold was asked for something its state does not allow
    │   └── UnknownHold     there is no such hold
    ├── DatabaseInUse       another gateway runs on this data directory
    ├── DatabaseDamaged     a file failed its check; it is not used
    ├── LedgerBroken        the audit found a row that does not add up
    ├── DatabaseTooNew      written by a later version of this program
    ├── UnsupportedSqlite   the SQLite library is too old to be trusted with several
    │                       processes on one file
    ├── UnsupportedPostgres the server is too old, or not UTF-8, or psycopg is missing
    ├── WrongSecret         the keys in the ledger were hashed with another secret
    └── MediaRefused        a file is not kept
        ├── MediaTooLarge   by itself
        └── MediaFull       together with all that are kept

A refusal that belongs to the domain (no money, over a limit) is no error: verbs return
it. Nobody raises StorageError itself.
"""


class StorageError(Exception):
    """Base of all; the text is one line for a person."""


class LedgerUnavailable(StorageError):
    """The ledger cannot write now. What cannot be recorded must not be served."""


class LedgerBusy(LedgerUnavailable):
    """More is waiting than the queue may hold."""


class IllegalMove(StorageError):
    """A bug in the caller, or two callers using one id for different things."""


class UnknownHold(IllegalMove):
    """No hold has this id."""


class DatabaseInUse(StorageError):
    """Two gateways on one data directory would not know of each other's flows."""


class DatabaseDamaged(StorageError):
    """The file does not pass SQLite's own check."""


class LedgerBroken(StorageError):
    """Serving on would mean charging from books that are wrong."""


class DatabaseTooNew(StorageError):
    """Going back to an older program needs an older backup."""


class UnsupportedSqlite(StorageError):
    """Older libraries can corrupt a file that several processes write."""


class UnsupportedPostgres(StorageError):
    """What is missing is said in the text."""


class WrongSecret(StorageError):
    """With another secret every key would be a stranger's."""


class MediaRefused(StorageError):
    """A file is not kept; nothing was written."""


class MediaTooLarge(MediaRefused):
    """One file may not take the room of all others."""


class MediaFull(MediaRefused):
    """The disk is the ledger's too: it must not fill up with pictures."""
