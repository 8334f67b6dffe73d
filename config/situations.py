"""Situations: what rates depend on besides quantities, and when a rate applies.

A situation is fixed when a request is admitted: the moment, whether the model thinks,
and the parameters sent upstream that have a price. The size of the input is not in it:
it is known only afterwards, and is then in the quantities themselves. `When` is the
condition of a rate. Both turn into plain JSON values and back, so that a bill can be
rated again from what is stored beside it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

PARAMETERS = ("size", "quality", "resolution")
"""The parameters of images and videos that a rate may depend on."""

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_MINUTES = 24 * 60
WEEK_MINUTES = 7 * DAY_MINUTES
MINUTE_NS = 60 * 10**9
# 1970 began on a Thursday.
EPOCH_DAY = 3

_DAY = "|".join(DAYS)
_WINDOW = re.compile(
    rf"({_DAY})(?:-({_DAY}))? ([0-2]\d):([0-5]\d)-([0-2]\d):([0-5]\d)", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of the week in UTC: from a minute of some days up to another one."""

    first_day: int
    last_day: int
    start: int
    end: int

    @classmethod
    def parse(cls, text: str) -> "Window":
        """Mon-Fri 01:00-04:00, or Sun 22:00-24:00; ValueError if it is neither."""
        match = _WINDOW.fullmatch(text)
        if match is None:
            raise ValueError("hours are written Mon-Fri 01:00-04:00, in UTC")
        first, last = match.group(1), match.group(2) or match.group(1)
        hours = [int(group) for group in match.groups()[2:]]
        start, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
        window = cls(DAYS.index(first), DAYS.index(last), start, end)
        if window.first_day > window.last_day or not start < end <= DAY_MINUTES:
            raise ValueError("hours end after they begin, within a week and a day")
        return window

    @property
    def text(self) -> str:
        days = DAYS[self.first_day]
        if self.last_day != self.first_day:
            days += f"-{DAYS[self.last_day]}"
        start, end = divmod(self.start, 60), divmod(self.end, 60)
        return f"{days} {start[0]:02}:{start[1]:02}-{end[0]:02}:{end[1]:02}"

    def holds(self, moment_ns: int) -> bool:
        day, minute = divmod(week_minute(moment_ns), DAY_MINUTES)
        inside = self.first_day <= day <= self.last_day
        return inside and self.start <= minute < self.end

    def edges(self) -> Iterator[int]:
        """The minutes of the week at which it begins or ends."""
        for day in range(self.first_day, self.last_day + 1):
            yield day * DAY_MINUTES + self.start
            yield (day * DAY_MINUTES + self.end) % WEEK_MINUTES


@dataclass(frozen=True, slots=True)
class Situation:
    """What is fixed when a request is admitted, as far as a price may depend on it."""

    moment_ns: int = 0
    thinking: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = set(self.parameters) - set(PARAMETERS)
        if unknown:
            raise ValueError(f"no price depends on {', '.join(sorted(unknown))}")

    def facts(self) -> dict[str, Any]:
        """As JSON values, to be stored beside the usage."""
        return {
            "moment_ns": self.moment_ns,
            "thinking": self.thinking,
            **self.parameters,
        }

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> "Situation":
        """The situation that `facts` were stored of; none stored is the plain one."""
        left = dict(facts)
        moment_ns, thinking = left.pop("moment_ns", 0), left.pop("thinking", False)
        return cls(moment_ns, thinking, left)


PLAIN = Situation()


@dataclass(frozen=True, slots=True)
class When:
    """A condition: everything it names must be so. `parameters` lists, by name, the
    values that will do."""

    input_above: int | None = None
    thinking: bool | None = None
    hours: tuple[Window, ...] = ()
    parameters: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> "When":
        """The condition that `facts` were made of; ValueError if they are none."""
        left = dict(facts)
        when = cls(
            left.pop("input_above", None),
            left.pop("thinking", None),
            tuple(Window.parse(text) for text in left.pop("hours", ())),
            tuple((name, tuple(left.pop(name))) for name in PARAMETERS if name in left),
        )
        if left or when == cls():
            raise ValueError("a condition names one thing or more that prices know")
        return when

    def facts(self) -> dict[str, Any]:
        """As JSON values, without what it does not name."""
        facts: dict[str, Any] = {}
        if self.input_above is not None:
            facts["input_above"] = self.input_above
        if self.thinking is not None:
            facts["thinking"] = self.thinking
        if self.hours:
            facts["hours"] = [window.text for window in self.hours]
        return facts | {name: list(values) for name, values in self.parameters}

    @property
    def text(self) -> str:
        """As people read it."""
        parts = []
        if self.input_above is not None:
            parts.append(f"input above {self.input_above} tokens")
        if self.thinking is not None:
            parts.append("thinking" if self.thinking else "not thinking")
        if self.hours:
            hours = " or ".join(window.text for window in self.hours)
            parts.append(f"{hours} UTC")
        parts += [f"{name} {' or '.join(values)}" for name, values in self.parameters]
        return ", ".join(parts)

    def holds(self, situation: Situation, input_tokens: int) -> bool:
        return (
            (self.input_above is None or input_tokens > self.input_above)
            and (self.thinking is None or self.thinking is situation.thinking)
            and (not self.hours or in_any(self.hours, situation.moment_ns))
            and all(
                situation.parameters.get(name) in values
                for name, values in self.parameters
            )
        )


@dataclass(frozen=True, slots=True)
class Corner:
    """One situation of those that some conditions tell apart, with a size of input."""

    situation: Situation
    input_tokens: int


def corners(whens: Iterable[When]) -> Iterator[Corner]:
    """Every combination of what the conditions tell apart, the plainest first; of
    equal ones, smaller input comes first."""
    conditions = tuple(whens)
    tiers = {when.input_above for when in conditions if when.input_above is not None}
    sizes = [0, *(above + 1 for above in sorted(tiers))]
    told_apart = any(when.thinking is not None for when in conditions)
    thinks = [False, True] if told_apart else [False]
    named = {name: values_of(conditions, name) for name in PARAMETERS}
    axes = [[None, *values] for values in named.values()]
    for chosen, thinking, moment_ns in product(
        list(product(*axes)), thinks, moments(conditions)
    ):
        parameters = {
            name: value
            for name, value in zip(named, chosen, strict=True)
            if value is not None
        }
        for size in sizes:
            yield Corner(Situation(moment_ns, thinking, parameters), size)


def moments(conditions: Iterable[When]) -> list[int]:
    """A moment for each way the windows can hold; first one in as few as possible."""
    windows = [window for when in conditions for window in when.hours]
    found: dict[tuple[bool, ...], int] = {}
    edges = sorted({edge for window in windows for edge in window.edges()})
    for minute in [0, *edges]:
        moment_ns = moment_of(minute)
        inside = tuple(window.holds(moment_ns) for window in windows)
        found.setdefault(inside, moment_ns)
    return [found[inside] for inside in sorted(found, key=sum)]


def values_of(conditions: Iterable[When], name: str) -> list[str]:
    values = [
        value
        for when in conditions
        for named, several in when.parameters
        if named == name
        for value in several
    ]
    return list(dict.fromkeys(values))


def in_any(windows: Iterable[Window], moment_ns: int) -> bool:
    return any(window.holds(moment_ns) for window in windows)


def week_minute(moment_ns: int) -> int:
    """The minute of the week, which begins on Monday."""
    return (moment_ns // MINUTE_NS + EPOCH_DAY * DAY_MINUTES) % WEEK_MINUTES


def moment_of(minute: int) -> int:
    """A moment at which the week is so many minutes old."""
    since = (minute - EPOCH_DAY * DAY_MINUTES) % WEEK_MINUTES
    return since * MINUTE_NS
