"""Dialects: a provider's dialect, changed by its own rules and for it alone."""

import orjson
import pytest

from addons.dialects import UnknownDialect, dialect_of
from addons.providers import REGISTRY
from addons.wire.errors import BadParameter
from config.chat_rules import ChatRules
from tests.fakes import exchanges


def ruled(**rules):
    return dialect_of(exchanges.provider(rules=ChatRules(**rules)))


def sent(dialect, **fields):
    request = dialect.chat_request(exchanges.ask(**fields), "m", 100)
    return orjson.loads(request.body), request.dropped


@pytest.mark.parametrize("name", REGISTRY)
def test_without_rules_a_dialect_is_the_registry_s(name: str) -> None:
    assert dialect_of(exchanges.provider(dialect=name)) is REGISTRY[name]


def test_a_dialect_that_nobody_knows_names_those_that_are_known() -> None:
    with pytest.raises(UnknownDialect, match="providers.x.dialect.*klingon.*openai"):
        dialect_of(exchanges.provider("x", dialect="klingon"))


@pytest.mark.parametrize("key", ["drops", "refuses"])
@pytest.mark.parametrize("name", ["messages", "model", "sed"])
def test_a_field_that_is_none_is_named(key: str, name: str) -> None:
    with pytest.raises(UnknownDialect, match=f'rules.{key}: "{name}": expected one'):
        ruled(**{key: (name,)})


def test_what_is_dropped_is_left_out_and_named() -> None:
    body, dropped = sent(ruled(drops=("seed",)), seed=7, top_p=0.5)
    assert ("seed" in body, body["top_p"], dropped) == (False, 0.5, ("seed",))


def test_what_is_refused_is_the_caller_s_to_mend() -> None:
    with pytest.raises(BadParameter) as caught:
        sent(ruled(refuses=("logprobs",)), logprobs=True)
    assert caught.value.param == "logprobs"


def test_the_output_limit_has_the_provider_s_own_name() -> None:
    body, _ = sent(ruled(output_limit_field="max_tokens"))
    assert body["max_tokens"] == 100
    assert "max_completion_tokens" not in body


def test_it_makes_no_more_choices_than_it_can() -> None:
    with pytest.raises(BadParameter):
        sent(ruled(choices_max=1), n=2)


def test_others_of_the_dialect_stay_as_they_are() -> None:
    ruled(drops=("seed",))
    assert "seed" not in REGISTRY["openai"].drops
