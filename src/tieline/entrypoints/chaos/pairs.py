"""A store of two servers that can be killed, failed over and built anew while the hub works on it."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from tieline.adapters.postgres import launcher, standby
from tieline.adapters.postgres.folders import locate
from tieline.adapters.postgres.runas import server_user


@dataclass(slots=True)
class PairedStore:
    """`servers` stand where they were made; `first` is the index of the one that takes writes."""

    homes: tuple[Path, Path]
    servers: list[launcher.Embedded]
    first: int = 0

    @classmethod
    def started(cls, folder: Path) -> PairedStore:
        """A primary; the standby comes with `pair`, once the schema is there."""
        homes = (folder / "store-a", folder / "store-b")
        for home in homes:
            home.mkdir(mode=0o711, exist_ok=True)
        return cls(homes, [launcher.start(homes[0])])

    @property
    def primary(self) -> launcher.Embedded:
        return self.servers[self.first]

    @property
    def sockets(self) -> tuple[Path, Path]:
        run_as = server_user()
        one, other = (locate(home, run_as).socket for home in self.homes)
        return one, other

    @property
    def cluster(self) -> launcher.External:
        """Past every proxy: for the runner's own questions."""
        return launcher.external(standby.both(self.servers))

    @property
    def admin(self) -> str:
        return standby.both(self.servers)

    def pair(self) -> None:
        self.servers.append(standby.follow(self.primary, self.homes[1]))
        standby.watch(self.primary)

    def crash(self) -> None:
        os.kill(self.primary.pid, signal.SIGKILL)

    def restart(self) -> None:
        """Recovery of the killed primary, as after any crash."""
        self._again(self.first)

    def crash_standby(self) -> None:
        """No commit is confirmed until it is back."""
        other = self.servers[1 - self.first]
        os.kill(other.pid, signal.SIGKILL)
        self._again(1 - self.first)

    def take_over(self) -> None:
        """After `crash`: the former primary is fenced, its standby promoted."""
        standby.fence(self.primary, self.servers[1 - self.first])
        standby.promote(self.servers[1 - self.first])
        self.first = 1 - self.first

    def rebuild(self) -> None:
        """The former primary comes back as the standby of its successor."""
        other = 1 - self.first
        self.servers[other] = standby.follow(self.primary, self.homes[other])
        standby.watch(self.primary)

    def stop(self) -> None:
        for server in reversed(self.servers):
            server.stop()

    def _again(self, number: int) -> None:
        self.servers[number].stop()  # reaps it and gives the lock back
        self.servers[number] = launcher.start(self.homes[number])
