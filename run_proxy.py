#!/usr/bin/env python3
"""The gateway's command line.

A command is imported when it runs: who asks the ledger one thing waits neither for
mitmproxy nor for the pages, and who only reads the list waits for nothing.
"""

from importlib import import_module

import click

from config.epilog import PROGRAM


class Late(click.Command):
    """A command by the first sentence of its help; the command itself is elsewhere."""

    def __init__(
        self, name: str, module: str, variable: str, sentence: str = ""
    ) -> None:
        super().__init__(name, help=sentence, hidden=not sentence)
        self.module = module
        self.variable = variable

    def load(self) -> click.Command:
        """The command itself, at the price of its imports."""
        command: click.Command = getattr(import_module(self.module), self.variable)
        return command


class DefaultToServe(click.Group):
    """`run_proxy.py --demo` is `run_proxy.py serve --demo`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # A shell that asks how a line goes on has no command yet.
        bare = not args and not ctx.resilient_parsing
        if bare or (args and args[0].startswith("-") and args[0] != "--help"):
            args = ["serve", *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        if isinstance(command, Late):
            command = command.load()
        return name, command, rest


@click.group(cls=DefaultToServe)
def main() -> None:
    """A prepaid, OpenAI-compatible AI API gateway."""


SERVING = "addons.gateway.serving"
INSPECTOR = "addons.inspector.commands"
LEDGER = "storage.commands"
CONFIG = "config.commands"

for command in (
    Late("serve", SERVING, "serve", "Run the gateway until it is told to stop."),
    # Started by the gateway, and shown to nobody.
    Late("worker", SERVING, "worker"),
    Late("inspector", SERVING, "inspector"),
    Late("config", CONFIG, "config_group", "Look after the configuration."),
    Late("prices", CONFIG, "prices_group", "Look after the prices."),
    Late(
        "doctor",
        "addons.doctor.command",
        "doctor",
        "Check machine, files, ledger and settings, line by line.",
    ),
    Late("user", LEDGER, "user_group", "Look after users."),
    Late("key", LEDGER, "key_group", "Look after callers' keys."),
    Late("voucher", LEDGER, "voucher_group", "Make codes that are worth money."),
    Late(
        "order",
        LEDGER,
        "order_group",
        "See what users ordered and what payment providers told of it.",
    ),
    Late(
        "refund",
        LEDGER,
        "refund",
        "Refund AMOUNT dollars of a transfer, such as usage:req_… or topup:voucher:….",
    ),
    Late(
        "quote",
        "addons.commands",
        "quote",
        "Say what a request costs at most and most likely, by the files alone.",
    ),
    Late(
        "receipt",
        LEDGER,
        "receipt_group",
        "Explain what a request cost, and check that it is so.",
    ),
    Late("verify", LEDGER, "verify", "Prove that the ledger adds up, row by row."),
    Late(
        "backup",
        LEDGER,
        "backup",
        "Write a checked copy of the ledger to FILE, which must not exist.",
    ),
    Late(
        "restore",
        LEDGER,
        "restore",
        "Make the ledger of a data directory from a backup; it must not have one.",
    ),
    Late("meter", INSPECTOR, "meter", "Compute the charges of captured traffic again."),
    Late(
        "web-password",
        INSPECTOR,
        "web_password",
        "Make the hash of a password for the inspector.",
    ),
):
    main.add_command(command)

if __name__ == "__main__":
    # Whatever it is called by, so that a shell finds its completion.
    main(prog_name=PROGRAM)
