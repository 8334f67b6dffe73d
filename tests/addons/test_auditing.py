"""Auditing: found once, found for good; what fails is tried again."""

import asyncio

from addons.auditing import Auditing
from storage.audit import Finding
from storage.errors import LedgerUnavailable

WRONG = Finding("I6", "transfer 3", "its hash is not that of its content")


class Books:
    """Answers of audits, one after the other; then there is nothing more to find."""

    def __init__(self, *answers, whole=(), whole_due=False) -> None:
        self.answers = list(answers)
        self.whole = list(whole)
        self.whole_due = whole_due
        self.stopped = 0

    def audit(self):
        return self.answer(self.answers)

    def prove_whole(self):
        findings = self.answer(self.whole)
        self.whole_due = False
        return findings

    def stop(self) -> None:
        self.stopped += 1

    def answer(self, answers):
        answer = answers.pop(0) if answers else []
        if isinstance(answer, Exception):
            raise answer
        return answer


async def until(condition):
    while not condition():
        await asyncio.sleep(0)


async def end(auditing):
    auditing.done()
    await asyncio.gather(*auditing.tasks, return_exceptions=True)


async def test_books_in_order_are_no_trouble() -> None:
    books = Books([])
    auditing = Auditing(books)
    await auditing.look(books.audit)
    assert auditing.broken is None


async def test_the_first_wrong_row_is_kept(caplog) -> None:
    books = Books([WRONG, Finding("I2", "account 5", "x")], [])
    auditing = Auditing(books)
    await auditing.look(books.audit)
    await auditing.look(books.audit)
    assert auditing.broken == str(WRONG)
    assert str(WRONG) in caplog.text and "account 5" in caplog.text


async def test_an_audit_that_cannot_read_proves_nothing(caplog) -> None:
    books = Books(LedgerUnavailable("locked"))
    auditing = Auditing(books)
    await auditing.look(books.audit)
    assert auditing.broken is None
    assert "could not be audited: locked" in caplog.text


async def test_it_looks_again_and_again_until_the_end() -> None:
    books = Books([], [], [WRONG])
    auditing = Auditing(books, interval_seconds=0)
    await auditing.running()
    await until(lambda: auditing.broken is not None)
    await end(auditing)
    assert books.stopped == 1
    assert all(task.cancelled() for task in auditing.tasks)


async def test_who_does_not_lead_audits_nothing() -> None:
    books = Books([WRONG])
    auditing = Auditing(books, leads=lambda: False)
    await auditing.look(books.audit)
    assert auditing.broken is None


async def test_what_another_found_is_heard_and_kept() -> None:
    heard = [None, str(WRONG), None]
    auditing = Auditing(
        Books(),
        leads=lambda: False,
        alarm=lambda: heard.pop(0) if heard else None,
        listen_seconds=0,
    )
    await auditing.running()
    await until(lambda: not heard)
    await end(auditing)
    assert auditing.broken == str(WRONG)


async def test_an_alarm_that_cannot_be_read_is_no_alarm(caplog) -> None:
    def alarm() -> str:
        raise PermissionError("not yours")

    auditing = Auditing(Books(), alarm=alarm)
    await auditing.hear()
    assert auditing.broken is None
    assert "cannot be read: not yours" in caplog.text


async def test_a_whole_that_the_start_left_out_is_proved_at_once() -> None:
    books = Books(whole=[[WRONG]], whole_due=True)
    auditing = Auditing(books)
    await auditing.running()
    await until(lambda: auditing.broken is not None)
    await end(auditing)


async def test_a_whole_that_the_start_proved_is_not() -> None:
    books = Books([WRONG], whole=[[]])
    auditing = Auditing(books, interval_seconds=0)
    await auditing.running()
    await until(lambda: auditing.broken is not None)
    await end(auditing)
    assert books.whole == [[]]


async def test_a_whole_that_could_not_be_proved_is_still_due() -> None:
    """It is tried again as soon as the small one, not a day later."""
    books = Books(whole=[LedgerUnavailable("x"), [WRONG]], whole_due=True)
    auditing = Auditing(books, interval_seconds=0)
    await auditing.running()
    await until(lambda: auditing.broken is not None)
    await end(auditing)


async def test_the_whole_is_proved_again_after_its_interval() -> None:
    books = Books(whole=[[], [], [WRONG]])
    auditing = Auditing(books, whole_interval_seconds=0)
    await auditing.running()
    await until(lambda: auditing.broken is not None)
    await end(auditing)


async def test_an_alarm_from_before_is_heard_before_anything_is_served() -> None:
    """A worker that is started again beside a broken ledger admits nothing."""
    auditing = Auditing(Books(), leads=lambda: False, alarm=lambda: str(WRONG))
    await auditing.running()
    assert auditing.broken == str(WRONG)
    await end(auditing)


async def test_an_audit_that_fails_is_no_proof_and_not_the_last_one(caplog) -> None:
    books = Books(TypeError("no such thing"), [], [])
    auditing = Auditing(books, interval_seconds=0)
    await auditing.running()
    await until(lambda: not books.answers)
    await end(auditing)
    assert auditing.broken is not None
    assert "the audit failed: no such thing" in auditing.broken
