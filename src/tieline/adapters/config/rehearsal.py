"""What a file must not contain when its clock can be moved: a hub whose days are made up may not reach anybody real."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from tieline.adapters.config.complaints import fault
from tieline.adapters.config.marks import Marked
from tieline.adapters.config.model import Document, loopback
from tieline.adapters.config.settings import SystemSettings
from tieline.kit.errors import Fault

_WAY_OUT = "leave clock out, or rehearse with look-alikes on this machine"

_NOBODY = ".invalid"  # RFC 6761: nobody can be reached under such a name


def check_rehearsal(document: Document, marked: Marked) -> Iterator[Fault]:
    if not document.clock.movable:
        return
    if document.listen.tls_terminated or not loopback(document.listen.host):
        message = f"a hub whose clock can be moved listens on this machine only: {_WAY_OUT}"
        yield fault(marked, ("clock", "movable"), message, key=True)


def check_addresses(
    document: Document, tenant: str, systems: Mapping[str, SystemSettings], marked: Marked
) -> Iterator[Fault]:
    for name, each in systems.items():
        host = urlsplit(each.settings.base_url).hostname if each.settings.base_url else None
        if document.clock.movable and host is not None and not loopback(host) and not host.endswith(_NOBODY):
            message = f"clock.movable is true, but system '{name}' is at {host}, not on this machine: {_WAY_OUT}"
            yield fault(marked, ("tenants", tenant, "systems", name, "base_url"), message)
