"""Names of the database roles. What each may do is data, in `privileges.py`; how it is applied is `security.py`."""

from __future__ import annotations

ADMIN = "postgres"  # superuser of the embedded server; only `migrate` and the launcher use it
OWNER = "tieline_owner"  # owns the tables, is under forced row-level security like everybody else
CLAIMS = "tieline_claims"  # cannot log in; owns the functions that hand out keys across tenants
EDGE = "tieline_edge"
WORKER = "tieline_worker"
API = "tieline_api"
SCHEDULER = "tieline_scheduler"
STANDBY = "tieline_standby"  # follows and copies the whole server; made when there is a standby or a backup

COMPONENTS = (EDGE, WORKER, API, SCHEDULER)
