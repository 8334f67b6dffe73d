"""Every action of the three endpoints, as one table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from dashboard import (
    account,
    auth,
    files,
    jobs,
    keys,
    operation,
    operator,
    ordering,
    payments,
    security,
    topup,
    transactions,
    usage,
)
from dashboard.refusals import BadInput, UnknownPlace, WrongMethod
from dashboard.services import Services
from dashboard.visit import Answer, Visit


@dataclass(frozen=True, slots=True)
class Action:
    """What may be asked, and how; `once` if it takes an Idempotency-Key.

    A change takes proof that our page asked for it, its own Origin or the token, unless
    the document shows it without (`bare`). What is the `operators`' takes the token.
    """

    method: str
    run: Callable[[Services, Visit], Answer]
    private: bool = True
    once: bool = False
    bare: bool = False
    operators: bool = False

    @property
    def changes(self) -> bool:
        return self.method == "POST"


AUTH: Mapping[str, Action] = {
    "register": Action("POST", auth.register, private=False, bare=True),
    "login": Action("POST", auth.login, private=False, bare=True),
    "logout": Action("POST", auth.logout, private=False, bare=True),
    "me": Action("GET", auth.me),
}

USER: Mapping[str, Action] = {
    "profile": Action("GET", account.profile),
    "overview": Action("GET", usage.overview),
    "transactions": Action("GET", transactions.transactions),
    "receipt": Action("GET", transactions.receipt),
    "requests": Action("GET", usage.requests),
    "usage": Action("GET", usage.usage),
    "keys": Action("GET", keys.keys),
    "sessions": Action("GET", security.sessions),
    "activity": Action("GET", security.activity),
    "models": Action("GET", account.models, private=False),
    "transactions_csv": Action("GET", files.transactions_csv),
    "usage_csv": Action("GET", files.usage_csv),
    "payment_methods": Action("GET", topup.payment_methods),
    "order": Action("GET", ordering.show_order),
    "orders": Action("GET", ordering.orders),
    "charge": Action("POST", topup.charge, once=True, bare=True),
    "regenerate_key": Action("POST", keys.regenerate_key),
    "reveal_key": Action("POST", keys.reveal_key),
    "create_key": Action("POST", keys.create),
    "update_key": Action("POST", keys.update),
    "revoke_key": Action("POST", keys.revoke),
    "change_password": Action("POST", security.change_password),
    "revoke_session": Action("POST", security.revoke_session),
    "revoke_sessions": Action("POST", security.revoke_sessions),
    "set_language": Action("POST", security.set_language),
}

ADMIN: Mapping[str, Action] = {
    name: replace(action, operators=True)
    for name, action in {
        "users": Action("GET", operator.users),
        "user": Action("GET", operator.user),
        "live": Action("GET", operation.live),
        "candidates": Action("GET", operation.candidates),
        "spend": Action("GET", operation.spend),
        "vouchers": Action("GET", operator.vouchers),
        "jobs": Action("GET", jobs.jobs),
        "orders": Action("GET", payments.orders),
        "order_events": Action("GET", payments.order_events),
        "acts": Action("GET", operation.acts),
        "config": Action("GET", operation.config),
        "disable_user": Action("POST", operator.disable_user),
        "enable_user": Action("POST", operator.enable_user),
        "adjust": Action("POST", operator.adjust_user),
        "grant": Action("POST", operator.grant),
        "revoke_user_key": Action("POST", operator.revoke_user_key),
        "create_vouchers": Action("POST", operator.create_batch),
        "resolve_order_event": Action("POST", payments.resolve_order_event),
    }.items()
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
