"""The host of the store: an embedded server that also listens on its network, until its input is closed."""

from __future__ import annotations

import sys
from pathlib import Path

import psycopg

from tieline.adapters.postgres import launcher, migrate, roles


def main(home: str, address: str, network: str) -> None:
    server = launcher.start(Path(home))
    with psycopg.connect(server.conninfo(roles.ADMIN), autocommit=True) as connection:
        connection.execute(f"alter system set listen_addresses = '{address}'")
    server.stop()
    server = launcher.start(Path(home))
    with (server.folders.data / "pg_hba.conf").open("a") as rules:
        rules.write(f"host all all {network} trust\n")
    migrate.migrate(server.conninfo(roles.ADMIN))
    with psycopg.connect(server.conninfo(roles.ADMIN), autocommit=True) as connection:
        connection.execute("select pg_reload_conf()")
    print("ready", flush=True)
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
