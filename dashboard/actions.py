"""Every action of the two endpoints, as one table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dashboard import account, auth, keys, ordering, topup, transactions
from dashboard.refusals import BadInput, UnknownPlace, WrongMethod
from dashboard.services import Services
from dashboard.visit import Answer, Visit


@dataclass(frozen=True, slots=True)
class Action:
    """What may be asked, and how; `once` if it takes an Idempotency-Key."""

    method: str
    run: Callable[[Services, Visit], Answer]
    private: bool = True
    once: bool = False

    @property
    def changes(self) -> bool:
        return self.method == "POST"


AUTH: Mapping[str, Action] = {
    "register": Action("POST", auth.register, private=False),
    "login": Action("POST", auth.login, private=False),
    "logout": Action("POST", auth.logout, private=False),
    "me": Action("GET", auth.me),
}

USER: Mapping[str, Action] = {
    "profile": Action("GET", account.profile),
    "transactions": Action("GET", transactions.transactions),
    "charge": Action("POST", topup.charge, once=True),
    "payment_methods": Action("GET", topup.payment_methods),
    "order": Action("GET", ordering.show_order),
    "regenerate_key": Action("POST", keys.regenerate_key),
    "reveal_key": Action("POST", keys.reveal_key),
}


def find_action(
    table: Mapping[str, Action], name: str | None, method: str
) -> Action:
    if not name:
        raise BadInput("missing_action")
    action = table.get(name)
    if action is None:
        raise UnknownPlace("unknown_action")
    if method != action.method and (method, action.method) != ("HEAD", "GET"):
        raise WrongMethod("POST" if action.changes else "GET, HEAD")
    return action
