"""Standing: what a key spent and may still spend, and its account beside it.

What is spent is what requests paid, by the days (UTC) on which they were charged. What
an account used is the sum of that over all its keys, revoked ones too; all else that
went in or out of it (top-ups, gifts, refunds, corrections) counts as put in.
"""

from dataclasses import dataclass

from storage.caps import Cap, caps_of

type Figures = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Spending:
    """What one key spent, and its caps: total, month and day, in this order."""

    key_id: int
    caps: tuple[Cap, ...]
    week_nano: int
    held_nano: int

    @property
    def total(self) -> Cap:
        return self.caps[0]

    @property
    def month(self) -> Cap:
        return self.caps[1]

    @property
    def day(self) -> Cap:
        return self.caps[2]


@dataclass(frozen=True, slots=True)
class Standing:
    """A key's spending and its account's money, read at one moment.

    `only_welcome` says that nothing came in yet but what a new user is given.
    """

    spending: Spending
    posted_nano: int
    held_nano: int
    used_nano: int
    only_welcome: bool

    @property
    def available_nano(self) -> int:
        return self.posted_nano - self.held_nano

    @property
    def credits_nano(self) -> int:
        """All that was put in; less what was used it is the posted balance."""
        return self.posted_nano + self.used_nano


def spending_of(row: Figures) -> Spending:
    """From a row of KEY_SPENDING."""
    key_id, week_nano, held_nano, *figures = row
    held = held_nano or 0
    return Spending(key_id or 0, caps_of(held, figures), week_nano or 0, held)


def standing_of(row: Figures) -> Standing:
    """From a row of KEY_STANDING: the account first, then the key's spending."""
    posted, held, used, credited, welcome = (figure or 0 for figure in row[:5])
    return Standing(spending_of(row[5:]), posted, held, used, credited <= welcome)
