"""Everything the web side says no with.

    Refusal
    ├── BadInput           400  what was sent cannot be used; the message says why
    ├── BadSignature       400  a callback that no provider of ours signed just now
    ├── NotSignedIn        401  no session, an expired one, a forged one: one answer
    ├── WrongCredentials   401  unknown e-mail and wrong password: one answer
    ├── AccountDisabled    403  the operator has closed this account
    ├── WrongPassword      403  signed in, but the password asked for again is wrong
    ├── OperatorsOnly      403  signed in, but not as an operator
    ├── ForeignOrigin      403  another site tried to act in the visitor's name
    ├── UnknownPlace       404  no such page or action
    ├── WrongMethod        405  reading with POST or changing with GET
    ├── Conflict           409  somebody was faster: e-mail taken, voucher spent
    ├── TooLarge           413  body above the limit
    ├── KeyReused          422  the Idempotency-Key came with something else before
    ├── Throttled          429  too many tries; says when to come back
    ├── OurFault           500  an exception nobody expected
    ├── PaymentFailed      502  a payment provider would not take an order
    └── Unavailable        503  the ledger cannot write now; nothing has happened

A refusal carries a word of the glossary, never a finished sentence: the language is
known only where the answer is written.
"""

from collections.abc import Mapping


class Refusal(Exception):
    status: int
    word: str

    def __init__(
        self, word: str = "", *, retry_after: int | None = None, **values: object
    ) -> None:
        if type(self) is Refusal:
            raise TypeError("Refusal is abstract: raise one of its kinds")
        self.word = word or type(self).word
        self.values: Mapping[str, object] = values
        self.retry_after = retry_after
        super().__init__(self.word)


class BadInput(Refusal):
    status = 400
    word = "bad_input"


class BadSignature(Refusal):
    status = 400
    word = "bad_signature"


class NotSignedIn(Refusal):
    status = 401
    word = "not_signed_in"


class WrongCredentials(Refusal):
    status = 401
    word = "wrong_credentials"


class AccountDisabled(Refusal):
    status = 403
    word = "account_disabled"


class WrongPassword(Refusal):
    status = 403
    word = "wrong_password"


class OperatorsOnly(Refusal):
    status = 403
    word = "operators_only"


class ForeignOrigin(Refusal):
    status = 403
    word = "foreign_origin"


class UnknownPlace(Refusal):
    status = 404
    word = "unknown_place"


class WrongMethod(Refusal):
    status = 405
    word = "wrong_method"

    def __init__(self, allowed: str) -> None:
        super().__init__(allowed=allowed)
        self.allowed = allowed


class Conflict(Refusal):
    status = 409
    word = "conflict"


class TooLarge(Refusal):
    status = 413
    word = "too_large"


class KeyReused(Refusal):
    status = 422
    word = "key_reused"


class Throttled(Refusal):
    status = 429
    word = "throttled"

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after=retry_after, seconds=retry_after)


class OurFault(Refusal):
    status = 500
    word = "our_fault"


class PaymentFailed(Refusal):
    status = 502
    word = "payment_failed"


class Unavailable(Refusal):
    status = 503
    word = "unavailable"

    def __init__(self, retry_after: int = 1) -> None:
        super().__init__(retry_after=retry_after)
