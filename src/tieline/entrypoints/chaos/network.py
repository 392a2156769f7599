"""The broken network of a run: proxies in front of both look-alikes and of both servers of the store."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from psycopg.conninfo import make_conninfo

from tieline.adapters.postgres import launcher, roles
from tieline.entrypoints.chaos.drawing import Draw
from tieline.entrypoints.chaos.proxy import Place, Proxy, Weather, opened
from tieline.entrypoints.rehearsal.process import lasting_port

_SOCKET = ".s.PGSQL.5432"
SILENT_S = 2.5  # longer than a call may live, so that a black hole is noticed by the caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Fronts:
    """Where the hub believes everything to be: known before anybody listens there."""

    erp: int
    clm: int
    stores: tuple[Path, Path]

    @property
    def database_url(self) -> str:
        return make_conninfo(
            "", host=",".join(str(folder) for folder in self.stores), port="5432,5432", user=roles.ADMIN,
            dbname=launcher.DATABASE, target_session_attrs="read-write", connect_timeout=2,
        )  # fmt: skip

    @classmethod
    def beside(cls, folder: Path) -> Fronts:
        stores = (folder / "net-a", folder / "net-b")
        for store in stores:
            store.mkdir(mode=0o700, exist_ok=True)
        return cls(erp=lasting_port(), clm=lasting_port(), stores=stores)


@dataclass(slots=True)
class Network:
    erp: Proxy
    clm: Proxy
    stores: tuple[Proxy, Proxy]
    done: Counter[str]

    def worsen(self, draw: Draw) -> None:
        """The weather of a new draw."""
        for name, proxy in self._named():
            proxy.weather = Weather(seed=draw.seed, rates=draw.networks[name], silent_s=SILENT_S)

    def heal(self) -> None:
        for name, proxy in self._named():
            proxy.heal()
            self.done.update({f"{name} {kind}": n for kind, n in proxy.weather.done.items()})
            proxy.weather.done.clear()

    def of(self, system: str) -> Proxy:
        return self.erp if system == "erp" else self.clm

    def _named(self) -> list[tuple[str, Proxy]]:
        return [("erp", self.erp), ("clm", self.clm), *(("store", proxy) for proxy in self.stores)]


@contextlib.asynccontextmanager
async def networked(fronts: Fronts, erp_url: str, clm_url: str, sockets: tuple[Path, Path]) -> AsyncIterator[Network]:
    """All proxies listen; nothing breaks yet."""
    async with contextlib.AsyncExitStack() as stack:

        async def proxy(to: Place, at: Place) -> Proxy:
            return await stack.enter_async_context(opened(to, Weather(seed=0, rates={}), at))

        yield Network(
            erp=await proxy(Place(port=urlsplit(erp_url).port or 0), Place(port=fronts.erp)),
            clm=await proxy(Place(port=urlsplit(clm_url).port or 0), Place(port=fronts.clm)),
            stores=(
                await proxy(Place(path=sockets[0] / _SOCKET), Place(path=fronts.stores[0] / _SOCKET)),
                await proxy(Place(path=sockets[1] / _SOCKET), Place(path=fronts.stores[1] / _SOCKET)),
            ),
            done=Counter(),
        )  # fmt: skip
