"""audit verify, audit new-epoch: proof that history is whole, and how to go on after a restore."""

from __future__ import annotations

import getpass
from dataclasses import asdict
from typing import Annotated, Any

import typer

from tieline.entrypoints.cli.exits import CHANGES, USAGE, guarded, problem
from tieline.entrypoints.cli.options import AsJson, ConfigFile

app = typer.Typer(no_args_is_help=True, help="Proof that the history of events is whole.")


def add_to(parent: typer.Typer) -> None:
    parent.add_typer(app, name="audit")


@app.command("verify")
@guarded
def verify(
    config: ConfigFile = "tieline.yaml",
    public_key: Annotated[
        list[str] | None, typer.Option(help="Trust this key (64 hexadecimal digits) instead of the hub's own.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check every chain against what was signed outside; exit code 3 and the first damaged position when one is broken."""
    from tieline.bootstrap import auditing
    from tieline.entrypoints.cli import configuration, output

    report = auditing.run_verify(configuration.loaded(config), _keys(public_key or []))
    if as_json:
        output.document(_document(report))
    else:
        for line in _lines(report):
            output.out().print(line)
    if report.findings:
        raise typer.Exit(CHANGES)


@app.command("new-epoch")
@guarded
def new_epoch(
    tenant: Annotated[str, typer.Argument(help="The firm whose database was restored.")],
    reason: Annotated[str, typer.Option(help="Why: it is signed and kept.")],
    config: ConfigFile = "tieline.yaml",
    as_json: AsJson = False,
) -> None:
    """After a restore to an earlier point: go on from here, and let followers know what was given up."""
    from tieline.bootstrap import auditing
    from tieline.entrypoints.cli import configuration, output

    start = auditing.run_new_epoch(configuration.loaded(config), tenant, getpass.getuser(), reason)
    if as_json:
        output.document({**asdict(start), "after_hash": start.after_hash.hex()})
        return
    output.out().print(f"{tenant} is in epoch {start.epoch} now; it goes on after position {start.after_position}.")


def _keys(texts: list[str]) -> tuple[bytes, ...]:
    try:
        keys = tuple(bytes.fromhex(text) for text in texts)
    except ValueError:
        keys = (b"",)
    if any(len(key) != 32 for key in keys):
        raise problem("A public key has 64 hexadecimal digits.", code="usage", status=400, exit_code=USAGE)
    return keys


def _document(report: Any) -> dict[str, Any]:
    tenants = [asdict(each) for each in report.tenants]
    for each in tenants:
        each["epochs"] = [{**epoch, "started_at": epoch["started_at"].isoformat()} for epoch in each["epochs"]]
        each["unsigned"] = each["position"] - each["signed_position"]
    return {
        "whole": not report.findings,
        "outside_record": {"lines": report.lines, "unreadable": report.unreadable},
        "tenants": tenants,
        "findings": [asdict(each) for each in report.findings],
    }


def _lines(report: Any) -> list[str]:
    said = []
    for each in report.tenants:
        vouched = f"signed up to {each.signed_position}, the {each.position - each.signed_position} after it can be edited unseen"
        state = "DAMAGED" if each.finding else "whole"
        said.append(f"{each.tenant}: {state}, {each.checked} events checked up to {each.position}; {vouched}")
        said += [
            f"  epoch {epoch['epoch']} after position {epoch['after_position']}: {epoch['reason']} ({epoch['started_by']})"
            for epoch in each.epochs
        ]
    said.append(f"outside record: {report.lines} lines, {report.unreadable} unreadable")
    return said + [f"{each.kind.value} at {_where(each)}: {each.sentence}" for each in report.findings]


def _where(finding: Any) -> str:
    if finding.position is None:
        return f"line {finding.line} of the outside record"
    span = f" to {finding.through}" if finding.through else ""
    return f"{finding.tenant} position {finding.position}{span}"
