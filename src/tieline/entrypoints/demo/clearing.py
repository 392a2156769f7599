"""The folder of the demonstration: emptied before a run, whatever an earlier run that was killed has left running."""

from __future__ import annotations

import shutil
from pathlib import Path

from tieline.adapters.postgres import folders, postmaster, runas
from tieline.entrypoints.rehearsal import process


def cleared(folder: Path, *, keep: bool) -> Path:
    """Ends leftovers; removes the state unless it is to be kept. Only what belongs to this folder is touched."""
    folder = folder.absolute()
    for leftover in (folder / "hub.pid", folder / "tryton" / "trytond.pid"):
        process.end_leftover(leftover, str(folder))
    if not keep and folder.exists():
        remove_store(folder)
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True, mode=0o711)
    return folder


def remove_store(folder: Path) -> None:
    """The embedded server's folder is outside when its user may not enter here."""
    found = folders.locate(folder, runas.server_user())
    if not found.data.exists():
        return
    if postmaster.look(found).state is postmaster.State.READY:
        postmaster.stop(found, None)
    shutil.rmtree(found.root, ignore_errors=True)
