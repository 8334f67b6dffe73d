"""Dialects: how a configured provider is spoken to.

A provider names one of the dialects we know; rules of its own, where it has some,
change that dialect for it alone.
"""

from dataclasses import replace

from addons.providers import REGISTRY, Dialect
from addons.wire.chat_schema import FIELDS
from config.chat_rules import ChatRules
from config.settings import Provider


class UnknownDialect(ValueError):
    """A provider in the configuration speaks what none of ours understands, or is to
    make what nobody asks of it in its dialect."""


def dialect_of(provider: Provider) -> Dialect:
    """The provider's dialect by its own rules; UnknownDialect if there is none such."""
    dialect = REGISTRY.get(provider.dialect)
    where = f"providers.yaml: providers.{provider.name}"
    if dialect is None:
        known = ", ".join(REGISTRY)
        raise UnknownDialect(
            f'{where}.dialect: "{provider.dialect}": expected one of {known}'
        )
    for key in ("drops", "refuses"):
        for name in getattr(provider.rules, key):
            if name not in FIELDS:
                known = ", ".join(FIELDS)
                raise UnknownDialect(
                    f'{where}.rules.{key}: "{name}": expected one of {known}'
                )
    return ruled(dialect, provider.rules)


def ruled(dialect: Dialect, rules: ChatRules) -> Dialect:
    """The dialect as these rules change it; the same one if there are none."""
    if rules == ChatRules():
        return dialect
    return replace(
        dialect,
        output_limit_field=rules.output_limit_field or dialect.output_limit_field,
        drops=dialect.drops | frozenset(rules.drops),
        lacking=dialect.lacking | frozenset(rules.refuses),
        choices_max=rules.choices_max or dialect.choices_max,
    )
