"""The embedded server's own configuration: durable, reachable through its socket only, each operating-system user mapped."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tieline.adapters.postgres.folders import Folders
from tieline.adapters.postgres.roles import STANDBY
from tieline.adapters.postgres.runas import RunAs

_SETTINGS = {
    # L1: an answer 2xx means that the row survives the loss of power.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "listen_addresses": "''",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "wal_compression": "on",
    "wal_keep_size": "256MB",  # a standby that was away for a moment goes on where it was
    "wal_receiver_timeout": "10s",
    "wal_retrieve_retry_interval": "500ms",
    # With `true` as its command nothing is kept; a backup puts its own in place while the server runs.
    "archive_mode": "on",
    "archive_command": "'true'",
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    # The queue tables live from quick vacuuming: dead rows at the head of an index slow every claim.
    "autovacuum_naptime": "10s",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_vacuum_cost_limit": "2000",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "'%m [%p] %u@%d '",
    "log_statement": "none",
    "log_parameter_max_length_on_error": "0",
}
_HBA = f"local all all peer map=tieline\nlocal replication {STANDBY} peer map=standby\n"
_DARWIN = {"wal_sync_method": "fsync_writethrough"}  # plain fsync on macOS stops in the drive's cache


def write(folders: Folders, hub_user: str, run_as: RunAs | None) -> bool:
    """Bring the three files up to date. True when one of them changed, so that a running server must restart."""
    changed = [
        _put(folders.data / "postgresql.conf", _server(folders.socket), run_as),
        _put(folders.data / "pg_hba.conf", _HBA, run_as),
        _put(folders.data / "pg_ident.conf", _ident(hub_user, run_as), run_as),
    ]
    return any(changed)


def _server(socket: Path) -> str:
    settings = _SETTINGS | (_DARWIN if sys.platform == "darwin" else {})
    lines = [f"{name} = {value}" for name, value in settings.items()]
    return "\n".join([*lines, f"unix_socket_directories = '{socket}'", ""])


def _ident(hub_user: str, run_as: RunAs | None) -> str:
    """The hub's user may be any of our roles; nobody else asks anything. A standby, which runs as the server's user, follows."""
    follower = hub_user if run_as is None else run_as.name
    return f'tieline "{hub_user}" postgres\ntieline "{hub_user}" /^tieline_[a-z_]+$\nstandby "{follower}" {STANDBY}\n'


def _put(path: Path, text: str, run_as: RunAs | None) -> bool:
    if path.exists() and path.read_text() == text:
        return False
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.chmod(0o600)
    if run_as is not None:
        os.chown(fresh, run_as.uid, run_as.gid)
    fresh.rename(path)
    return True
