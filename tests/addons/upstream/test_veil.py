"""A veil: whatever a provider says, it does not give our credential away."""

import pytest

from addons.upstream.veil import veil, veiled
from addons.wire.errors import ApiError, UpstreamAuth, UpstreamRefused
from tests.fakes import exchanges

SECRET = "sk-secret"
LEG = exchanges.leg()
OPEN_LEG = exchanges.leg(credentials=())


@pytest.mark.parametrize(
    "error",
    [
        UpstreamAuth(detail=f"Bad {SECRET}"),
        UpstreamRefused(f"Bad {SECRET}, {SECRET}", code=SECRET, param=f"x{SECRET}"),
    ],
)
def test_a_credential_is_taken_out_of_all_that_an_error_says(error: ApiError) -> None:
    veil(error, LEG)
    texts = (error.message, error.detail, error.code, error.param)
    said = f"{error} {error!r} {texts}"
    assert SECRET not in said
    assert "Bad […]" in said
    assert error.code == type(error).code


def test_what_holds_none_stays_as_it_is() -> None:
    error = UpstreamRefused("Too long.", code="too_long", param="prompt")
    veil(error, LEG)
    assert (error.message, error.code) == ("Too long.", "too_long")
    assert error.param == "prompt"
    veil(error, OPEN_LEG)
    assert str(error) == "Too long."


def test_an_answer_is_veiled_too() -> None:
    body = f'{{"error": "Bad {SECRET}"}}'.encode()
    assert veiled(body, LEG).decode() == '{"error": "Bad […]"}'
    assert veiled(body, OPEN_LEG) == body
