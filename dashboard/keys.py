"""The account's API key: make a new one, show the one there is.

A new key is in the answer that makes it. After that it is shown only to somebody who
gives the password again, so that a browser left open gives nothing away.
"""

from dashboard.auth import prove
from dashboard.fields import text_field
from dashboard.refusals import BadInput, Conflict, WrongCredentials, WrongPassword
from dashboard.services import Services
from dashboard.visit import Answer, Visit
from storage.keys import mint
from storage.keys import regenerate_key as replace_key


def regenerate_key(services: Services, visit: Visit) -> Answer:
    storage = services.storage
    key = mint(storage.secrets)
    storage.writer.wait(replace_key, visit.user.account_id, key)
    storage.directory.changed()
    return Answer("key_regenerated", {"api_key": key.plain, "masked": key.mask})


def reveal_key(services: Services, visit: Visit) -> Answer:
    password = text_field(visit.fields, "password", single_line=False)
    if not password:
        raise BadInput("missing_password")
    try:
        prove(services, visit, visit.user.email, password)
    except WrongCredentials:
        # Not 401: the session is good, only this proof failed.
        raise WrongPassword() from None
    default = services.storage.reader.default_key(visit.user.account_id)
    if default is None:
        raise Conflict("no_key")
    record, sealed = default
    plain = services.storage.secrets.open(sealed)
    return Answer(data={"api_key": plain, "masked": record.mask})
