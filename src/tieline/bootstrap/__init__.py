"""The composition root: the one place that knows every concrete class and hands each what it needs."""

from tieline.bootstrap.hub import Hub, hub, read_settings, worker_only
from tieline.bootstrap.landscape import Landscapes, build_landscape
from tieline.bootstrap.running import (
    LOCAL_SCOPES,
    Ready,
    ServedSite,
    run_edge,
    run_hub,
    run_scheduler,
    run_store,
    run_worker,
    served_site,
)
from tieline.bootstrap.store import join_store, open_store, prepare_tenants
from tieline.bootstrap.supposed import supposed_setup

__all__ = [
    "LOCAL_SCOPES", "Hub", "Landscapes", "Ready", "ServedSite", "build_landscape", "hub", "join_store", "open_store",
    "prepare_tenants", "read_settings", "run_edge", "run_hub", "run_scheduler", "run_store", "run_worker",
    "served_site", "supposed_setup", "worker_only",
]  # fmt: skip
