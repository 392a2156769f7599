"""Options that many commands share, declared once so that they read the same everywhere."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[
    bool, typer.Option("--json", help="One stable JSON document on stdout; errors as problems on stderr.")
]
AsJsonl = Annotated[bool, typer.Option("--jsonl", help="One JSON document a line, the first names the schema.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
ConfigFile = Annotated[str, typer.Option("--config", "-c", metavar="FILE", help="The firm's tieline.yaml.")]
