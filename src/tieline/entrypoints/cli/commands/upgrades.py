"""upgrade: one version follows the other on the same store, while work goes on; and the way back until the second step."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from tieline.entrypoints.cli.exits import CHANGES, USAGE, guarded, problem
from tieline.entrypoints.cli.options import AsJson, ConfigFile

if TYPE_CHECKING:
    from tieline.bootstrap.upgrading import UpgradeStanding


def add_to(app: typer.Typer) -> None:
    app.command("upgrade")(upgrade)


@guarded
def upgrade(
    check: Annotated[
        bool, typer.Option("--check", help="Say how far the store is; exit 3 when a step is open.")
    ] = False,
    pre: Annotated[bool, typer.Option("--pre", help="Before the new version: older processes go on working.")] = False,
    post: Annotated[bool, typer.Option("--post", help="After the last older process is gone: no way back.")] = False,
    config: ConfigFile = "tieline.yaml",
    as_json: AsJson = False,
) -> None:
    """Bring the store to this version in two steps: `--pre`, then replace all processes one by one, then `--post`.

    A step that was interrupted is run again. Until `--post` the former version can be started again beside this one.
    """
    from tieline.bootstrap import upgrading
    from tieline.entrypoints.cli import configuration, output

    wanted = {"run_check": check, "run_pre": pre, "run_post": post}
    steps = [name for name, asked in wanted.items() if asked]
    if len(steps) != 1:
        raise problem(
            "Say which step: --check, --pre or --post, one at a time.", code="usage", status=400, exit_code=USAGE
        )
    found: UpgradeStanding = getattr(upgrading, steps[0])(configuration.loaded(config))
    if as_json:
        output.document(asdict(found))
    else:
        for line in _sentences(found):
            output.out().print(line, markup=False)
    if check and found.next:
        raise typer.Exit(CHANGES)


def _sentences(found: UpgradeStanding) -> list[str]:
    lines = [f"The store has schema {found.store or 'none'}; this Tieline has {found.code}."]
    lines += [f"Open: {', '.join(found.pending)}."] if found.pending else []
    at_work = Counter(found.at_work)
    lines += [f"At work: {', '.join(f'{n} x {name}' for name, n in sorted(at_work.items()))}."] if at_work else []
    return [*lines, _NEXT[found.next, bool(found.older)]]


_NEXT = {
    ("pre", True): "Next: `tieline upgrade --pre`; older processes go on working.",
    ("pre", False): "Next: `tieline upgrade --pre`.",
    ("post", True): "Next: replace the older processes one by one, then `tieline upgrade --post`.",
    ("post", False): "Next: `tieline upgrade --post`, when you are sure that you stay with this version.",
    ("", True): "Nothing is left to do here; older processes are at work.",
    ("", False): "Nothing is left to do.",
}
