"""Settings: everything the three files say, as one frozen record.

`load` reads and checks all of it before anything is used, so that a mistake in the last
line of the last file changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from config.chat_rules import ChatRules
from config.document import ConfigError, open_document
from config.gateway import (
    Accounts,
    LedgerSettings,
    Limits,
    Listen,
    LogSettings,
    MediaSettings,
    MetricsSettings,
    Policies,
    Retries,
    TracingSettings,
    VideoSettings,
    read_gateway,
)
from config.identity import Identity, read_identity
from config.inspector import InspectorSettings
from config.payments import Payments
from config.price_file import read_prices
from config.prices import Price, PriceBook
from config.providers import (
    Candidate,
    Clocks,
    Credential,
    ImageRules,
    Model,
    Provider,
    VideoRules,
    read_upstreams,
)

__all__ = [
    "Accounts",
    "Candidate",
    "ChatRules",
    "Clocks",
    "ConfigError",
    "Credential",
    "ImageRules",
    "InspectorSettings",
    "LedgerSettings",
    "Limits",
    "Listen",
    "LogSettings",
    "MediaSettings",
    "MetricsSettings",
    "Model",
    "Payments",
    "Policies",
    "Price",
    "PriceBook",
    "Provider",
    "Retries",
    "Settings",
    "TracingSettings",
    "VideoRules",
    "VideoSettings",
    "load",
    "storage_of",
]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the gateway was told; it never changes while it is in use. `inspected` says
    that copies of the traffic go to an inspector. With an `identity` https is served.
    """

    listen: Listen
    ledger: LedgerSettings
    limits: Limits
    policies: Policies
    accounts: Accounts
    media: MediaSettings
    videos: VideoSettings
    providers: Mapping[str, Provider]
    models: Mapping[str, Model]
    prices: PriceBook
    retries: Retries = field(default_factory=Retries)
    storage: str = field(default="", repr=False)
    payments: Payments = field(default_factory=Payments)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    log: LogSettings = field(default_factory=LogSettings)
    inspector: InspectorSettings = field(default_factory=InspectorSettings)
    inspected: bool = False
    identity: Identity | None = None
    tracing: TracingSettings = field(default_factory=TracingSettings)

    def with_overrides(
        self,
        host: str | None = None,
        port: int | None = None,
        workers: int | None = None,
        tls_certificate: Path | None = None,
        tls_key: Path | None = None,
    ) -> "Settings":
        """A copy that listens where the command line says."""
        listen = replace(
            self.listen,
            host=self.listen.host if host is None else host,
            port=self.listen.port if port is None else port,
            workers=self.listen.workers if workers is None else workers,
            tls_certificate=tls_certificate or self.listen.tls_certificate,
            tls_key=tls_key or self.listen.tls_key,
        )
        return replace(self, listen=listen)

    def with_identity(self) -> "Settings":
        """A copy with the certificate and the key that are named, as they are now;
        ConfigError if they cannot be used."""
        listen = self.listen
        identity = read_identity(listen.tls_certificate, listen.tls_key)
        return replace(self, identity=identity)

    def with_inspector(self, port: int | None, demo: bool) -> "Settings":
        """A copy whose traffic is shown, all of it in a demo unless the file says
        otherwise."""
        inspector = self.inspector
        level = inspector.level or ("full" if demo else "headers")
        port = inspector.port if port is None else port
        inspector = replace(inspector, port=port, level=level)
        return replace(self, inspector=inspector, inspected=True)


def load(directory: Path, environ: Mapping[str, str]) -> Settings:
    """The settings in gateway.yaml, providers.yaml and prices.yaml of a directory."""
    gateway = read_gateway(open_document(directory / "gateway.yaml", environ))
    upstreams = read_upstreams(open_document(directory / "providers.yaml", environ))
    prices = read_prices(open_document(directory / "prices.yaml", environ))
    return Settings(
        listen=gateway.listen,
        ledger=gateway.ledger,
        limits=gateway.limits,
        policies=gateway.policies,
        accounts=gateway.accounts,
        media=gateway.media,
        videos=gateway.videos,
        providers=upstreams.providers,
        models=upstreams.models,
        prices=prices,
        retries=gateway.retries,
        storage=gateway.storage,
        payments=gateway.payments,
        metrics=gateway.metrics,
        log=gateway.log,
        inspector=gateway.inspector,
        tracing=gateway.tracing,
    )


def storage_of(directory: Path, environ: Mapping[str, str]) -> str:
    """Where the ledger is, for who needs nothing else of a directory's files."""
    return read_gateway(open_document(directory / "gateway.yaml", environ)).storage
