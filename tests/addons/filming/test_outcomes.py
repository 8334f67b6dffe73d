"""What may follow a submission that failed: again only if nothing was begun."""

import pytest

from addons.filming.outcomes import Outlook, outlook
from addons.wire.errors import (
    ApiError,
    BadParameter,
    ContentRefused,
    InternalError,
    UpstreamAuth,
    UpstreamBilling,
    UpstreamFailed,
    UpstreamModelGone,
    UpstreamOverloaded,
    UpstreamRefused,
    UpstreamThrottled,
    UpstreamTimeout,
)


@pytest.mark.parametrize(
    ("error", "sent", "status", "expected"),
    [
        # It never left.
        (UpstreamFailed(), False, 0, Outlook.LATER),
        (UpstreamTimeout(), False, 0, Outlook.LATER),
        (BadParameter("duration", "no"), False, 0, Outlook.ELSEWHERE),
        (InternalError(), False, 0, Outlook.ELSEWHERE),
        # The provider said no.
        (UpstreamRefused(), True, 400, Outlook.JUDGED),
        (ContentRefused(), True, 422, Outlook.JUDGED),
        (UpstreamAuth(), True, 401, Outlook.ELSEWHERE),
        (UpstreamBilling(), True, 400, Outlook.ELSEWHERE),
        (UpstreamModelGone(), True, 404, Outlook.ELSEWHERE),
        (UpstreamFailed(), True, 405, Outlook.ELSEWHERE),
        (UpstreamThrottled(), True, 429, Outlook.LATER),
        (UpstreamOverloaded(), True, 503, Outlook.LATER),
        # Nobody knows.
        (UpstreamTimeout(), True, 0, Outlook.UNKNOWN),
        (UpstreamTimeout(), True, 408, Outlook.UNKNOWN),
        (UpstreamFailed(), True, 0, Outlook.UNKNOWN),
        (UpstreamFailed(), True, 200, Outlook.UNKNOWN),
        (UpstreamFailed(), True, 500, Outlook.UNKNOWN),
        (UpstreamFailed(), True, 502, Outlook.UNKNOWN),
        (UpstreamTimeout(), True, 504, Outlook.UNKNOWN),
        (UpstreamOverloaded(), True, 529, Outlook.UNKNOWN),
        (UpstreamFailed(), True, 302, Outlook.UNKNOWN),
    ],
)
def test_the_table(error: ApiError, sent: bool, status: int, expected: Outlook) -> None:
    assert outlook(error, sent, status) is expected
