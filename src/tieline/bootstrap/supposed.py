"""A firm under a configuration that nobody has started: good for planning, and unable to do anything else."""

from __future__ import annotations

from functools import lru_cache
from typing import NoReturn

from tieline.adapters.config import SystemSettings, load_text
from tieline.bootstrap.landscape import setup_of
from tieline.connectors import discover
from tieline.kit.canonical import Json
from tieline.kit.errors import Defect, Rejected
from tieline.ports.http import Answer
from tieline.ports.landscape import TenantSetup
from tieline.ports.vault import Secret
from tieline.sdk.system import ConnectedSystem

NAME = "configuration"


@lru_cache(maxsize=4)
def supposed_setup(tenant: str, text: str) -> TenantSetup:
    """`tenant` as the configuration `text` describes it. Opens no client and reads no secret; other firms are left out.

    Raises Rejected (`configuration_invalid`) with all faults. The last few are remembered: all contracts are planned
    with one text.
    """
    tenants = load_text(text, NAME, discover()).tenants
    if tenant not in tenants:
        named = ", ".join(sorted(tenants)) or "none"
        raise Rejected(
            f"This configuration does not describe your firm {tenant}; under tenants it names {named}.",
            code="configuration_invalid",
        )
    return setup_of(tenants[tenant], _unconnected)


def _unconnected(each: SystemSettings) -> ConnectedSystem:
    secrets: dict[str, Secret] = {name: _Unread() for name in each.secret_refs}
    connector = discover()[each.connector](each.settings, _NoHttp(), secrets, each.overlay)
    return ConnectedSystem(each.name, connector, call_life_s=each.call_life_s)


class _Unread(Secret):
    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("")

    def reveal(self) -> NoReturn:
        raise Defect("A secret is not read while a configuration is only looked at.")


class _NoHttp:
    """Implements `ports.http.Http` by refusing: planning asks nobody."""

    async def request(self, method: str, path: str, **_: Json) -> Answer:
        raise Defect("No system is called while a configuration is only looked at.")
