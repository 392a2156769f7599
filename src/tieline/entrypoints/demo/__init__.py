"""`tieline demo`: from nothing to a posted invoice, on a real ERP and two look-alikes, with the hub killed on the way.

The hub runs as a child process, exactly as `tieline up` does; the story speaks to it over HTTP only, and believes
nothing that it did not read in the systems themselves.
"""

from __future__ import annotations


def run(*, leave: bool, kill: bool, keep: bool, as_json: bool) -> int:
    """Tells the whole story; answers the exit code. Loads late, since `tieline --help` must not pay for it."""
    from tieline.entrypoints.demo.story import tell

    return tell(leave=leave, kill=kill, keep=keep, as_json=as_json)
