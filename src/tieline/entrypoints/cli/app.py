"""Assembles the commands. Importing this costs little: `tieline --help` is what people type first."""

from __future__ import annotations

import os
import sys

import typer

from tieline.entrypoints.cli.commands import (
    audit,
    backups,
    census,
    clock,
    evidence,
    hub,
    plans,
    reading,
    rehearse,
    settings,
    upgrades,
    webhooks,
)
from tieline.entrypoints.cli.exits import INTERRUPTED, USAGE, problem, tell

AS_DOCUMENTS = {"--json", "--jsonl"}
SUMMARY = "Keeps a firm's systems in step with what was signed, from signature to posted invoice."

app = typer.Typer(
    name="tieline",
    help=SUMMARY,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for family in (hub, rehearse, plans, reading, evidence, audit, backups, settings, census, clock, webhooks, upgrades):
    family.add_to(app)


def main() -> None:
    """Runs the command; a reader that has gone away (a closed pipe) is not an error."""
    try:
        if AS_DOCUMENTS.isdisjoint(sys.argv):
            app()
        else:
            sys.exit(for_scripts())
    except BrokenPipeError:
        leave_quietly()
    finally:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            leave_quietly()


def for_scripts() -> int:
    """The command, whose every failure is a document: also of a word that no command knows."""
    command = typer.main.get_command(app)
    try:
        return int(command.main(standalone_mode=False) or 0)
    except typer.Abort:
        return INTERRUPTED
    except Exception as error:
        said = getattr(error, "format_message", None)  # click's own refusals, wherever typer keeps click
        if said is None:
            raise
        way_out = "`tieline --help` and `tieline COMMAND --help` show the words"
        found = problem(said(), code="usage", status=400, exit_code=USAGE, way_out=way_out)
        tell(found, as_json=True)
        return USAGE


def leave_quietly() -> None:
    """Nobody reads any more: point stdout elsewhere, so that the interpreter's last flush cannot fail, and end with 0."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    os._exit(0)
