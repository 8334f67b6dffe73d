"""`doctor`: is this machine fit to serve, and what to do if it is not."""

import os
import sys
from pathlib import Path

import click

from addons.doctor.finding import Finding, Level, Patient
from addons.doctor.table import diagnose
from config.document import ConfigError
from config.epilog import BROKEN, DONE, REFUSED, epilog
from config.settings import load
from storage.clock import SystemClock
from storage.commands.options import json_option
from storage.commands.output import show

CONFIG = Path(__file__).parents[2] / "config"
CODES = {
    DONE: "nothing that keeps it from serving; a `warn` may be meant so",
    BROKEN: "a check failed",
    REFUSED: "bad input",
}
COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}


@click.command(
    "doctor", epilog=epilog("doctor", "doctor --probe --json", codes=CODES)
)
@click.option(
    "--config",
    type=click.Path(file_okay=False, path_type=Path),
    default=CONFIG,
    envvar="AUTOLIST_CONFIG",
    show_envvar=True,
    help="Folder of gateway.yaml, providers.yaml and prices.yaml.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=Path("data"),
    show_default=True,
    envvar="AUTOLIST_DATA",
    show_envvar=True,
    help="Folder of the secret, and of the ledger unless that is in PostgreSQL.",
)
@click.option(
    "--host",
    envvar="AUTOLIST_HOST",
    show_envvar=True,
    help="Address that the gateway listens on.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    envvar="AUTOLIST_PORT",
    show_envvar=True,
    help="Port that the gateway listens on.",
)
@click.option(
    "--probe",
    is_flag=True,
    help="Ask each provider something that costs nothing, and compare clocks.",
)
@json_option
def doctor(
    config: Path,
    data: Path,
    host: str | None,
    port: int | None,
    probe: bool,
    as_json: bool,
) -> None:
    """Check machine, files, ledger and settings, line by line.

    It changes nothing and may run beside a gateway. Give it the environment that the
    gateway has: credentials are told by the names of their variables only.
    """
    found = []
    for name, finding in diagnose(patient_at(config, data, host, port), probe):
        found.append((name, finding))
        if not as_json:
            click.echo(line(name, finding))
    failed = any(finding.level is Level.FAIL for _, finding in found)
    if as_json:
        show(True, {"ok": not failed, "checks": [shape(*one) for one in found]}, [])
    sys.exit(BROKEN if failed else DONE)


def patient_at(
    config: Path, data: Path, host: str | None, port: int | None
) -> Patient:
    settings, mistake = None, ""
    try:
        settings = load(config, os.environ).with_overrides(host, port)
    except ConfigError as error:
        mistake = str(error)
    return Patient(config, data, SystemClock(), settings, mistake)


def line(name: str, finding: Finding) -> str:
    level = click.style(f"{finding.level:<4}", fg=COLOURS[finding.level])
    todo = f": {finding.todo}" if finding.todo else ""
    return f"{level}  {name:<11}  {finding.text}{todo}"


def shape(name: str, finding: Finding) -> dict[str, str]:
    return {
        "check": name,
        "level": finding.level,
        "text": finding.text,
        "todo": finding.todo,
    }
