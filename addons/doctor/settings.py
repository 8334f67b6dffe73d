"""Settings: what the files say, and what of it is most likely not meant.

Credentials are told by the names of their variables, never by their values.
"""

from collections.abc import Iterator

from addons.dialects import UnknownDialect, dialect_of
from addons.doctor.finding import Finding, Patient, fail, ok, warn
from config.payments import Payments
from config.settings import Model, Provider, Settings
from config.shapes import DEMO, is_available

WEBHOOK = "/api/payments/stripe"
NOTIFY = "/api/payments/epay"


def files(patient: Patient) -> Iterator[Finding]:
    """The three files, read as the gateway reads them."""
    if patient.settings is None:
        yield fail(patient.mistake, "mend that line")
        return
    try:
        for provider in patient.settings.providers.values():
            dialect_of(provider)
    except UnknownDialect as error:
        yield fail(str(error), "mend that line")
        return
    yield ok(f"{patient.config} has no mistake")


def credentials(patient: Patient) -> Iterator[Finding]:
    for provider in patient.known.providers.values():
        yield of_provider(provider)


def of_provider(provider: Provider) -> Finding:
    if not provider.credential_names:
        return ok(f"{provider.name} wants none")
    if not provider.credentials:
        names = " or ".join(provider.credential_names)
        return warn(f"{provider.name} has none", f"set {names} to serve its models")
    names = ", ".join(one.name for one in provider.credentials)
    return ok(f"{provider.name}: {names}")


def models(patient: Patient) -> Iterator[Finding]:
    settings = patient.known
    sold = [one for one in settings.models.values() if not is_demo(one, settings)]
    ready = [one.id for one in sold if is_available(one, settings.providers)]
    missing = [one.id for one in sold if one.id not in ready]
    if not ready:
        yield fail("none can be served", "set the credential of a provider")
        return
    if missing:
        yield warn(
            f"nobody serves {', '.join(missing)}", "they answer 503 without --demo"
        )
    yield ok(f"{len(ready)} of {len(sold)} can be served")


def is_demo(model: Model, settings: Settings) -> bool:
    """Whether it is not for sale: all who serve it are played here."""
    names = [candidate.provider for candidate in model.candidates]
    return bool(names) and all(
        settings.providers[name].dialect == DEMO for name in names
    )


def prices(patient: Patient) -> Iterator[Finding]:
    """Sold below what they cost, or not priced at all."""
    settings, now_ns = patient.known, patient.clock.wall_ns()
    losing = settings.prices.warnings(now_ns)
    unpriced = [id for id in settings.models if not settings.prices.at(id, now_ns)]
    for warning in losing:
        yield warn(warning, "raise `sell`, or correct `buy`, in prices.yaml")
    for name in unpriced:
        yield fail(f"{name} has no price in force", "it answers 503; give it one")
    if not losing and not unpriced:
        yield ok("every model has one, and none is sold below cost")


def callbacks(patient: Patient) -> Iterator[Finding]:
    """Whether who was paid through can tell us."""
    yield from (of_stripe(patient.known), of_epay(patient.known))
    public = patient.known.listen.public_url
    payments = patient.known.payments
    if public is not None and is_on(payments) and not public.startswith("https://"):
        yield warn(
            f"listen.public_url is {public}", "put TLS in front, and say https://"
        )


def is_on(payments: Payments) -> bool:
    return payments.stripe.ready or payments.epay.ready


def of_stripe(settings: Settings) -> Finding:
    stripe = settings.payments.stripe
    if stripe.ready:
        address = f"{settings.listen.public_url}{WEBHOOK}"
        return ok(f"Stripe is on; its webhook must be {address}")
    if stripe.key is not None:
        return fail(
            "Stripe has a key and no secret of its webhook, so it is off",
            "set a variable of payments.stripe.webhook_secrets",
        )
    return ok("Stripe is off")


def of_epay(settings: Settings) -> Finding:
    epay = settings.payments.epay
    if epay.ready:
        return ok(f"epay is on; it calls {settings.listen.public_url}{NOTIFY}")
    if epay.key is not None:
        return fail(
            "epay has a key and no address or number, so it is off",
            "set payments.epay.url and pid",
        )
    return ok("epay is off")
