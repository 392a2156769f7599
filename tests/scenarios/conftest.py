"""One stage for the session: a hub with two firms, a CLM look-alike for each, and one NetSuite look-alike."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
import scn_firm
from scn_erp import ErpPeople
from scn_firm import Doc, Rehearsed
from scn_papers import agreement
from stage import HubThread, Stage

from real import real_tryton  # noqa: F401
from tieline.entrypoints.demo import firm
from tieline.entrypoints.demo.netsuite import NetSuiteWitness
from tieline.entrypoints.rehearsal import process
from tieline.twins.process import Served, served

NORTHWIND, LAKESIDE = "northwind", "lakeside"


class Theatre:
    """The hub that all scenarios share, and the one way to run it with another configuration for a while."""

    def __init__(self, place: Rehearsed, clms: dict[str, Served]) -> None:
        self.place, self.clms = place, clms
        self._port = process.free_port()
        self.tenants: Doc = {
            NORTHWIND: scn_firm.tenant(place, clms[NORTHWIND]),
            LAKESIDE: scn_firm.tenant(
                place, clms[LAKESIDE], activation={"approval": "crm"}, amendments={"apply": "automatic"}
            ),
        }
        self.tenants[LAKESIDE]["systems"]["ironclad"]["poll_every_s"] = 1
        self.hub = self._started("tieline", self.tenants)
        self.ghost = agreement()

    def announce_ghost(self) -> None:
        """Early, since the hub asks for a while before it tells anybody: a record that is announced and cannot be read."""
        stage = self.stage(NORTHWIND)
        hidden = {"code": "F24", "lag_s": 3600}
        stage.clm.faults([{"match": {"method": "HOOK"}, "fault": hidden, "times": 1}])
        stage.sign(self.ghost)
        stage.clm.heal()
        stage.close()

    def stage(self, tenant: str) -> Stage:
        return Stage(self.hub, tenant, self.clms[tenant], self.place.inbox_secret)

    @contextmanager
    def reconfigured(self, change: Callable[[Doc], None]) -> Iterator[None]:
        """Restart with northwind's configuration changed; afterwards as before."""
        tenants = copy.deepcopy(self.tenants)
        change(tenants[NORTHWIND])
        self.hub.stop()
        self.hub = self._started("changed", tenants)
        try:
            yield
        finally:
            self.hub.stop()
            self.hub = self._started("tieline", self.tenants)

    def _started(self, name: str, tenants: Doc) -> HubThread:
        return HubThread(scn_firm.written(self.place, name, self._port, tenants), list(tenants))


@pytest.fixture(scope="session")
def netsuite_twin() -> Iterator[Served]:
    with (
        tempfile.TemporaryDirectory(prefix="tieline-scn-erp-") as folder,
        served("netsuite", Path(folder) / "netsuite", account=firm.ACCOUNT) as erp,
    ):
        yield erp


@pytest.fixture(scope="session")
def theatre(netsuite_twin: Served) -> Iterator[Theatre]:
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="tieline-scn-", ignore_cleanup_errors=True))
        )
        place = scn_firm.rehearsed(folder, netsuite_twin)
        clms = {name: stack.enter_context(served("ironclad", folder / f"clm-{name}")) for name in (NORTHWIND, LAKESIDE)}
        running = Theatre(place, clms)
        stack.callback(lambda: running.hub.stop())
        for name in (NORTHWIND, LAKESIDE):
            with closing(running.stage(name)) as stage:
                stage.listens()
        running.announce_ghost()
        yield running


@pytest.fixture
def erp(netsuite_twin: Served) -> Iterator[Served]:
    """NetSuite's look-alike, without the faults of the scenario before."""
    yield netsuite_twin
    netsuite_twin.heal()
    netsuite_twin.control("amounts", {"off": "0"})


@pytest.fixture
def erp_people(theatre: Theatre) -> ErpPeople:
    """What people of the firm do in NetSuite itself, with an integration record that is not ours."""
    return ErpPeople(NetSuiteWitness(theatre.place.erp.url, theatre.place.watching))


@pytest.fixture
def firm_stage(theatre: Theatre) -> Iterator[Stage]:
    """Northwind: told by webhooks, the CLM's signature activates, a change of rate waits for a person's apply."""
    stage = theatre.stage(NORTHWIND)
    yield stage
    stage.clm.heal()
    stage.close()


@pytest.fixture
def lakeside(theatre: Theatre) -> Iterator[Stage]:
    """Lakeside: polls its CLM every second, wants the CRM's approval, applies changes of rate by itself."""
    stage = theatre.stage(LAKESIDE)
    yield stage
    stage.clm.heal()
    stage.close()
