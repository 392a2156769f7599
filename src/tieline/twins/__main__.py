"""`python -m tieline.twins <name>`: one twin as a process of its own."""

from __future__ import annotations

import argparse
import importlib
import secrets
from pathlib import Path

from tieline.twins.chassis import Twin, end_with_parent, serve
from tieline.twins.process import names


def _pair(text: str) -> tuple[str, str]:
    name, mark, value = text.partition("=")
    if not mark:
        raise argparse.ArgumentTypeError(f"{text!r} must be name=value")
    return name, value


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tieline.twins", description=__doc__)
    parser.add_argument("name", choices=names())
    parser.add_argument("--port", type=int, default=0, help="loopback port; 0 picks a free one")
    parser.add_argument("--state", type=Path, required=True, help="folder that keeps what the twin holds")
    parser.add_argument(
        "--latency-ms", type=float, default=0.0, help="an answer takes at least this long, the work included"
    )
    parser.add_argument("--control-token", default="", help="for /_twin/; printed when none is given")
    parser.add_argument("--option", type=_pair, action="append", default=[], help="name=value, see the twin's PAGE.md")
    parser.add_argument("--with-parent", action="store_true", help="end when the starting process ends (stdin closes)")
    given = parser.parse_args()
    if given.with_parent:
        end_with_parent()
    kind: type[Twin] = importlib.import_module(f"tieline.twins.{given.name}").TWIN
    token = given.control_token or secrets.token_urlsafe(16)
    twin = kind(given.state, control_token=token, latency_ms=given.latency_ms, options=dict(given.option))
    serve(twin, given.port)


if __name__ == "__main__":
    main()
