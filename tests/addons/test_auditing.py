"""Auditing: found once, found for good; what fails is tried again."""

import asyncio

from addons.auditing import Auditing
from storage.audit import Finding
from storage.errors import LedgerUnavailable

WRONG = Finding("I6", "transfer 3", "its hash is not that of its content")


class Books:
    """Answers of audits, one after the other."""

    def __init__(self, *answers) -> None:
        self.answers = list(answers)
        self.stopped = 0

    def audit(self):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def stop(self) -> None:
        self.stopped += 1


async def test_books_in_order_are_no_trouble() -> None:
    auditing = Auditing(Books([]).audit, lambda: None)
    await auditing.look()
    assert auditing.broken is None


async def test_the_first_wrong_row_is_kept(caplog) -> None:
    books = Books([WRONG, Finding("I2", "account 5", "x")], [])
    auditing = Auditing(books.audit, books.stop)
    await auditing.look()
    await auditing.look()
    assert auditing.broken == str(WRONG)
    assert str(WRONG) in caplog.text and "account 5" in caplog.text


async def test_an_audit_that_cannot_read_proves_nothing(caplog) -> None:
    auditing = Auditing(Books(LedgerUnavailable("locked")).audit, lambda: None)
    await auditing.look()
    assert auditing.broken is None
    assert "could not be audited: locked" in caplog.text


async def test_it_looks_again_and_again_until_the_end() -> None:
    books = Books([], [], [WRONG], *[[]] * 100_000)
    auditing = Auditing(books.audit, books.stop, interval_seconds=0)
    auditing.running()
    while auditing.broken is None:
        await asyncio.sleep(0)
    auditing.done()
    assert books.stopped == 1
    await asyncio.gather(*auditing.tasks, return_exceptions=True)
    assert all(task.cancelled() for task in auditing.tasks)


async def test_who_does_not_lead_audits_nothing() -> None:
    auditing = Auditing(Books().audit, lambda: None, leads=lambda: False)
    await auditing.look()
    assert auditing.broken is None


async def test_what_another_found_is_heard_and_kept() -> None:
    heard = [None, str(WRONG), None]
    auditing = Auditing(
        Books().audit,
        lambda: None,
        leads=lambda: False,
        alarm=lambda: heard.pop(0) if heard else None,
        listen_seconds=0,
    )
    auditing.running()
    while heard:
        await asyncio.sleep(0)
    auditing.done()
    await asyncio.gather(*auditing.tasks, return_exceptions=True)
    assert auditing.broken == str(WRONG)


async def test_an_alarm_that_cannot_be_read_is_no_alarm(caplog) -> None:
    def alarm() -> str:
        raise PermissionError("not yours")

    auditing = Auditing(Books().audit, lambda: None, alarm=alarm)
    await auditing.hear()
    assert auditing.broken is None
    assert "cannot be read: not yours" in caplog.text
