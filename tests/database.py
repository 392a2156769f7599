"""What the `database` fixture hands out. Tests import the type: `from database import Database`."""

from __future__ import annotations

from dataclasses import dataclass

from tieline.adapters.postgres import launcher, roles


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """One database of the session's cluster. `conninfo(roles.WORKER)` and so on; `admin` sees everything."""

    cluster: launcher.Embedded
    name: str

    def conninfo(self, role: str) -> str:
        return self.cluster.conninfo(role, self.name)

    @property
    def admin(self) -> str:
        return self.conninfo(roles.ADMIN)
