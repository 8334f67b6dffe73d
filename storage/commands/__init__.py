"""Operators' commands: users, keys, vouchers, orders, refunds, receipts, books, backup.

All of them may run beside a living gateway: they write short transactions of their own,
and the gateway notices changed keys and accounts within half a second. Exit codes: 0
done, 2 bad input or a database that cannot be used; `verify` has two more.
"""

from storage.commands.backups import backup, restore
from storage.commands.books import verify
from storage.commands.keys import key_group
from storage.commands.orders import order_group
from storage.commands.output import Refused
from storage.commands.receipts import receipt_group
from storage.commands.refunds import refund
from storage.commands.users import user_group
from storage.commands.vouchers import voucher_group

__all__ = [
    "Refused",
    "backup",
    "key_group",
    "order_group",
    "receipt_group",
    "refund",
    "restore",
    "user_group",
    "verify",
    "voucher_group",
]
