"""Where the hub is and who asks: written by `tieline up` into the home folder, readable by its owner only.

`TIELINE_URL` and `TIELINE_API_KEY` win, so that a pipeline needs no file.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs

from tieline.entrypoints.cli.exits import UNREACHABLE, problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    url: str
    api_key: str


def home() -> Path:
    """The folder that holds this hub's state: `TIELINE_HOME`, or the user's folder for application files."""
    chosen = os.environ.get("TIELINE_HOME")
    return Path(chosen).expanduser() if chosen else platformdirs.user_data_path("tieline")


def save(folder: Path, connection: Connection) -> Path:
    """Written aside and renamed, so that a reader never sees half a file; 0600 because it holds a key."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path, draft = folder / "connection.json", folder / ".connection.json"
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(connection), file)
    draft.replace(path)
    return path


def load() -> Connection:
    """The environment first, then the home folder, then the demonstration's."""
    url, key = os.environ.get("TIELINE_URL"), os.environ.get("TIELINE_API_KEY")
    if url and key:
        return Connection(url=url.rstrip("/"), api_key=key)
    for folder in (home(), home() / "demo"):
        path = folder / "connection.json"
        if path.is_file():
            stored = json.loads(path.read_text())
            return Connection(url=(url or stored["url"]).rstrip("/"), api_key=key or stored["api_key"])
    raise problem(
        f"No hub is known here: {home() / 'connection.json'} does not exist and TIELINE_URL with TIELINE_API_KEY is not set.",
        code="no_connection",
        status=503,
        exit_code=UNREACHABLE,
        way_out="start one with `tieline demo` or `tieline up --config tieline.yaml`",
    )
