"""Probes: one request to each provider with each credential, which costs nothing.

What is asked is in a table, by dialect: the cheapest thing that takes a valid
credential. The answer matters little: whatever is not about the credential or the
account means that both were accepted. Its Date says how far our clock is off.
"""

from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from types import MappingProxyType

import httpx

from addons.dialects import dialect_of
from addons.doctor.finding import Finding, Patient, fail, ok, warn
from addons.providers import Dialect
from config.settings import Credential, Provider
from storage.clock import Clock

# Nobody has this one.
NO_TASK = "00000000-0000-0000-0000-000000000000"
PATHS: Mapping[str, str] = MappingProxyType(
    {
        "openai": "/models",
        "compatible": "/models",
        "anthropic": "/v1/models",
        "dashscope": "/models",
        "dashscope-native": f"/tasks/{NO_TASK}",
        "dashscope-tasks": f"/tasks/{NO_TASK}",
        "deepseek": "/models",
        "stability": "/v1/user/balance",
        "runway": "/v1/organization",
        "fal": f"/fal-ai/pika/requests/{NO_TASK}/status",
    }
)
ANSWER_SECONDS = 10.0
REFUSED = (401, 403)
UNPAID = 402
THROTTLED = 429
# What signs of payments and leases allow is minutes; what is off by more is wrong.
CLOCK_SECONDS_WARN, CLOCK_SECONDS_FAIL = 5, 60


def probe(patient: Patient) -> Iterator[Finding]:
    """Each credential, and the clock by the first answer that has a date."""
    offsets: list[int] = []
    for provider in patient.known.providers.values():
        dialect = dialect_of(provider)
        if dialect.reply is not None or not provider.ready:
            continue
        for credential in provider.credentials or (Credential("", ""),):
            answer = ask(provider, dialect, credential)
            yield verdict(provider, credential, answer)
            offsets += ahead(answer, patient.clock)
    if offsets:
        yield kept(offsets[0])


def ask(
    provider: Provider, dialect: Dialect, credential: Credential
) -> httpx.Response | httpx.HTTPError:
    """The answer, or why there is none."""
    auth = dialect.auth(credential.secret) if credential.secret else {}
    timeout = httpx.Timeout(ANSWER_SECONDS, connect=provider.clocks.connect_seconds)
    try:
        return httpx.get(
            provider.base_url + PATHS[provider.dialect],
            headers={**dialect.headers, **auth},
            timeout=timeout,
            trust_env=False,
        )
    except httpx.HTTPError as error:
        return error


def verdict(
    provider: Provider, credential: Credential, answer: httpx.Response | Exception
) -> Finding:
    """What an answer says of a credential and its account."""
    name = f"{provider.name}: {credential.name}".rstrip(": ")
    if isinstance(answer, Exception):
        return fail(
            f"{name}: no answer from {provider.base_url} ({type(answer).__name__})",
            "check the address and the way there",
        )
    status = answer.status_code
    if status in REFUSED:
        return fail(f"{name} is refused (status {status})", "replace the credential")
    if status == UNPAID:
        return fail(f"{name}: the account cannot pay", "pay the provider")
    if status == THROTTLED or status >= 500:
        return warn(f"{name}: status {status}", "ask again later")
    return ok(f"{name} is accepted")


def ahead(answer: httpx.Response | Exception, clock: Clock) -> list[int]:
    """By how many seconds our clock is; nothing if the answer is not dated."""
    if isinstance(answer, Exception):
        return []
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return []
    return [clock.wall_ns() // 10**9 - int(theirs.timestamp())]


def kept(seconds: int) -> Finding:
    text = f"our clock is {abs(seconds)} s off a provider's"
    if abs(seconds) > CLOCK_SECONDS_FAIL:
        return fail(text, "set it, and let it be kept by NTP")
    if abs(seconds) > CLOCK_SECONDS_WARN:
        return warn(text, "let it be kept by NTP")
    return ok(text)
