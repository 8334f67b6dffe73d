"""Commands about receipts: why a request cost what it cost, and whether that is true.

`show` reads the ledger, of any account. `check` reads a file and nothing else, so it
works where there is no gateway; what it is worth depends on where its key is from.
Exit codes of `check`: 0 valid, 1 refused, 2 no receipt.
"""

import sys
from pathlib import Path
from typing import IO, Any

import click

from config.epilog import BROKEN, DONE, REFUSED, epilog
from storage.commands.opening import opened
from storage.commands.options import data_option, json_option
from storage.commands.output import Refused, show
from storage.errors import StorageError
from storage.receipt_check import (
    RECEIPT_BYTES_MAX,
    BadReceipt,
    Wrong,
    check,
    read_receipt,
)
from storage.receipt_text import explained
from storage.receipts import receipt_of
from storage.secrets import Secrets
from storage.signing import SIGNATURE, Signer, VerifyingKey
from storage.trail import ID_CHARS_MAX, cleaned

CHECKED = {
    DONE: "valid",
    BROKEN: "refused: a figure or the signature is wrong, and it is named",
    REFUSED: "no receipt, or no key",
}
KEY_BYTES_MAX = 64 * 1024


@click.group("receipt")
def receipt_group() -> None:
    """Explain what a request cost, and check that it is so."""


@receipt_group.command(
    "show",
    epilog=epilog(
        "receipt show req_01jd3x", "receipt show req_01jd3x --json > receipt.json"
    ),
)
@click.argument("request_id")
@data_option
@json_option
def show_receipt(request_id: str, data: Path, as_json: bool) -> None:
    """Say why a request cost what it cost; as JSON its signed receipt."""
    with opened(data) as storage:
        found = storage.reader.receipt(request_id)
        if found is None:
            raise Refused(f"there is no receipt of {request_id}; it may run still")
        receipt = receipt_of(found)
        signed = Signer.of(storage.secrets).signed(receipt)
    show(as_json, signed, explained(receipt, found))


@receipt_group.command(
    "check",
    epilog=epilog(
        "receipt check receipt.json --key gateway.pem",
        "receipt check - --data data --json < receipt.json",
        codes=CHECKED,
    ),
)
@click.argument("file", type=click.File("rb"))
@click.option(
    "--key",
    "key_file",
    type=click.File("rb"),
    help="The gateway's public key: PEM, or what /api/v1/receipts/key answers.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Take the key of this data directory; its ledger is not read.",
)
@json_option
def check_receipt(
    file: IO[bytes], key_file: IO[bytes] | None, data: Path | None, as_json: bool
) -> None:
    """Compute the receipt in FILE again and verify its signature, offline.

    Without --key or --data the receipt is
    compared with the key beside it only: whoever made it up may have made up both.
    """
    key = trusted_key(key_file, data)
    try:
        receipt = read_receipt(file.read(RECEIPT_BYTES_MAX + 1))
    except BadReceipt as error:
        raise Refused(f"{file.name}: {error}") from error
    wrong = check(receipt, key)
    shown = {
        "id": name_of(receipt),
        "valid": not wrong,
        "trusted": key is not None and not wrong,
        "key_id": key_id_of(receipt),
        "wrong": [{"figure": one.figure, "text": one.text} for one in wrong],
    }
    show(as_json, shown, verdict(shown, receipt, wrong))
    sys.exit(BROKEN if wrong else DONE)


def trusted_key(key_file: IO[bytes] | None, data: Path | None) -> VerifyingKey | None:
    """The key to compare with; None if nobody gave one."""
    if key_file is not None and data is not None:
        raise click.UsageError("give one of --key and --data")
    if key_file is not None:
        try:
            return VerifyingKey.parse(key_file.read(KEY_BYTES_MAX))
        except ValueError as error:
            raise Refused(f"{key_file.name}: {error}") from error
    if data is None:
        return None
    if not Secrets.made(data):
        raise Refused(f"{data}: there is no secret to have a key of")
    try:
        return Signer.of(Secrets.load(data)).key
    except (StorageError, OSError) as error:
        raise Refused(str(error)) from error


def verdict(
    shown: dict[str, Any], receipt: dict[str, Any], wrong: list[Wrong]
) -> list[str]:
    if wrong:
        return [f"{shown['id']}: REFUSED", *[f"  {one}" for one in wrong]]
    paid = f"{receipt['charge']} USD charged, {receipt['paid']} USD paid"
    if shown["trusted"]:
        return [
            f"{shown['id']}: valid, {paid}",
            f"  signed by the key {shown['key_id']}, and every figure follows",
        ]
    return [
        f"{shown['id']}: consistent, {paid}",
        f"  every figure follows, but nobody vouches for the key {shown['key_id']}:",
        "  get the gateway's key from /api/v1/receipts/key and give it with --key",
    ]


def name_of(receipt: dict[str, Any]) -> str:
    """Safe to print: what was refused may have anything for an id."""
    return cleaned(str(receipt.get("id")), ID_CHARS_MAX)


def key_id_of(receipt: dict[str, Any]) -> str:
    signature = receipt[SIGNATURE]
    found = signature.get("key_id") if type(signature) is dict else None
    return cleaned(str(found), ID_CHARS_MAX)
