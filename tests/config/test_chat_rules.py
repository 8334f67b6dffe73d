"""Chat rules: what is said of a provider, and what may not be."""

import pytest

from config.chat_rules import CHAT_RULES, ChatRules
from config.values import record

read = record(ChatRules, CHAT_RULES)


def test_all_of_it_can_be_said(document):
    said = (
        "{output_limit_field: max_tokens, drops: [seed], refuses: [tools],"
        " choices_max: 4}"
    )
    assert read(document(said)) == ChatRules("max_tokens", ("seed",), ("tools",), 4)


def test_nothing_said_changes_nothing(document):
    assert read(document("{}")) == ChatRules(None, (), (), None)


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("{output_limit_field: limit}", "output_limit_field"),
        ("{drops: seed}", "drops"),
        ("{refuses: [[]]}", "refuses"),
        ("{choices_max: 0}", "choices_max"),
        ("{choices_max: 129}", "choices_max"),
    ],
)
def test_a_mistake_is_named(document, mistake, said, key):
    assert f"1: {key}" in mistake(lambda: read(document(said)))
