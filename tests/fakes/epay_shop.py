"""FakeEpay: a shop as 易支付 programs run it, without the page that people see.

A user is sent to it with a signed address; it checks the signature and keeps a trade.
`notice` is what it then tells the gateway, signed. The signature is written here once
more, from the published example, so that no mistake is shared.
"""

import hashlib
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

REQUIRED = {
    "pid", "type", "out_trade_no", "notify_url", "return_url", "name", "money", "sign",
    "sign_type",
}


class FakeEpay:
    def __init__(self, pid: str = "1001", key: str = "epay-key") -> None:
        self.pid, self.key = pid, key
        self.trades: dict[str, dict[str, str]] = {}

    def visit(self, url: str) -> dict[str, str]:
        """A user comes by this address; the trade, or ValueError as an error page."""
        parts = urlsplit(url)
        fields = dict(parse_qsl(parts.query, keep_blank_values=True))
        if not parts.path.endswith("/submit.php") or set(fields) != REQUIRED:
            raise ValueError("parameters")
        if fields["pid"] != self.pid or fields["sign"] != md5_sign(fields, self.key):
            raise ValueError("签名校验失败")
        number = f"20261123{len(self.trades) + 1:010}"
        trade = {**fields, "trade_no": number}
        self.trades[number] = trade
        return trade

    def notice(self, trade: Mapping[str, str], **changes: str) -> str:
        """The query of a notice that the trade was paid."""
        fields = {
            "pid": trade["pid"],
            "trade_no": trade["trade_no"],
            "out_trade_no": trade["out_trade_no"],
            "type": trade["type"],
            "name": trade["name"],
            "money": trade["money"],
            "trade_status": "TRADE_SUCCESS",
            **changes,
        }
        signature = md5_sign(fields, self.key)
        return urlencode({**fields, "sign": signature, "sign_type": "MD5"})


def md5_sign(fields: Mapping[str, str], key: str) -> str:
    """a=b&c=d…KEY, in the order of the names, in small letters."""
    prepared = ""
    for name in sorted(fields.keys()):
        if name == "sign" or name == "sign_type" or fields[name] == "":
            continue
        if prepared:
            prepared += "&"
        prepared += name + "=" + fields[name]
    digest = hashlib.md5(usedforsecurity=False)
    digest.update(prepared.encode("utf-8"))
    digest.update(key.encode("utf-8"))
    return digest.hexdigest()
