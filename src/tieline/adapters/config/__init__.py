"""Configuration: `tieline.yaml` and the environment become `Settings`, or sentences that say where and what is wrong.

    settings = load(Path("tieline.yaml"), os.environ, connectors.discover())

Order: defaults < file < environment. Unknown keys are errors. Secrets appear as references only (`env:`, `file:`, `vault:`).
"""

from tieline.adapters.config.differ import ConfigChange, diff
from tieline.adapters.config.explain import Explained, explain
from tieline.adapters.config.load import load, load_text, read
from tieline.adapters.config.model import Listen, Worker
from tieline.adapters.config.schema import json_schema
from tieline.adapters.config.settings import ScheduleSettings, Settings, SystemSettings, Tenant

__all__ = [
    "ConfigChange", "Explained", "Listen", "ScheduleSettings", "Settings", "SystemSettings", "Tenant", "Worker",
    "diff", "explain", "json_schema", "load", "load_text", "read",
]  # fmt: skip
