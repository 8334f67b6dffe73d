"""Where a job may go, and where it went."""

from config.settings import Credential
from addons.filming.legs import Legs, name_of
from tests.addons.filming.bench import leg

RUNWAY = leg(
    credentials=(Credential("A", "key_a"), Credential("B", "key_b")),
    credential_names=("A", "B"),
)
LEGS = Legs(
    lambda: {"runway": RUNWAY.provider},
    lambda model: (RUNWAY,) * (model == "gen-2"),
)


def test_a_model_has_its_legs() -> None:
    assert LEGS.of_model("gen-2") == (RUNWAY,)
    assert LEGS.of_model("gone") == ()


def test_a_job_finds_its_own_credential_again() -> None:
    found = LEGS.of_job("runway", "gen4.5", "B")
    assert found.credential.secret == "key_b"
    assert found.candidate.model == "gen4.5"
    assert name_of(found) == "B"


def test_what_is_no_longer_configured_is_not_found() -> None:
    assert LEGS.of_job("runway", "gen4.5", "C") is None
    assert LEGS.of_job("fal", "gen4.5", "A") is None


def test_a_provider_that_wants_no_credential_needs_none() -> None:
    free = leg("free", credentials=(), credential_names=())
    legs = Legs(lambda: {"free": free.provider}, lambda model: ())
    found = legs.of_job("free", "m", "")
    assert found.credential is None
    assert name_of(found) == ""
