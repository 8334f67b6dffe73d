"""Reloading: what of files that were read again may be in force without a restart.

Some settings are built into what runs: the socket, the ledger, the disk, what a log
line looks like. Of those a reload keeps what the gateway was started with, and names
each that the files say otherwise by now. Everything else is taken.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from config.current import Loaded
from config.document import ConfigError
from config.gateway import ACCOUNTS, LEDGER, LISTEN, LOG, MEDIA, TRACING
from config.inspector import INSPECTOR
from config.settings import Settings

# A certificate is renewed while the gateway runs. Whether there is one at all is not.
TLS = ("tls_certificate", "tls_key")
# By section and field, and what a field is called in the file. The address of the
# ledger is a section of its own.
RESTART: Mapping[str, Mapping[str, str]] = {
    "storage": {},
    **{
        section: {
            field: key for field, (key, _) in table.items() if field not in TLS
        }
        for section, table in (
            ("listen", LISTEN),
            ("ledger", LEDGER),
            ("media", MEDIA),
            ("log", LOG),
            ("inspector", INSPECTOR),
            ("tracing", TRACING),
        )
    },
    "accounts": {
        field: ACCOUNTS[field][0]
        for field in ("session_seconds", "login_per_minute", "register_per_hour")
    },
}

type Refusals = tuple[type[Exception], ...]


class Reading:
    """Reads the files again, and says what is in force afterwards.

    `read` is what the gateway itself was started with; `check` raises one of `refusals`
    or ConfigError for settings that cannot be served. Both block.
    """

    def __init__(
        self,
        read: Callable[[], Settings],
        check: Callable[[Settings], object],
        told: Settings,
        loaded: Loaded,
        now_ns: Callable[[], int],
        refusals: Refusals = (),
    ) -> None:
        self.read = read
        self.check = check
        self.told = told
        self.loaded = loaded
        self.now_ns = now_ns
        self.refusals: Refusals = (ConfigError, OSError, *refusals)

    def again(self) -> Loaded:
        """What is in force from now on: all that may change, or nothing of it with a
        refusal."""
        try:
            read = self.read()
            settings = kept(self.loaded.settings, read)
            self.check(settings)
        except self.refusals as error:
            self.loaded = replace(self.loaded, refusal=str(error))
        else:
            waiting = tuple(changed(self.told, read))
            self.loaded = Loaded(settings, self.now_ns(), waiting)
        return self.loaded


def kept(running: Settings, read: Settings) -> Settings:
    """What was read, with what only a restart changes as it runs."""
    sections = {}
    for section, names in RESTART.items():
        old, new = getattr(running, section), getattr(read, section)
        fields = {field: getattr(old, field) for field in names}
        sections[section] = replace(new, **fields) if fields else old
    settings = replace(read, **sections)
    if is_encrypted(running) is is_encrypted(read):
        return settings
    paths = {name: getattr(running.listen, name) for name in TLS}
    listen = replace(settings.listen, **paths)
    return replace(settings, listen=listen, identity=running.identity)


def changed(told: Settings, read: Settings) -> Iterator[str]:
    """The settings that wait for a restart, as the file has them."""
    for section, names in RESTART.items():
        old, new = getattr(told, section), getattr(read, section)
        if not names and old != new:
            yield section
        for field, key in names.items():
            if getattr(old, field) != getattr(new, field):
                yield f"{section}.{key}"
    if is_encrypted(told) is not is_encrypted(read):
        yield "listen.tls_certificate"


def is_encrypted(settings: Settings) -> bool:
    return settings.identity is not None
