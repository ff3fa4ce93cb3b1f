"""Whether the API is well, and what it is."""

from __future__ import annotations

from fuseline.client.operation import Operation
from fuseline.schemas.system import Health, Version

HEALTH = Operation("getHealth", "GET", "/healthz", Health)
READINESS = Operation("getReadiness", "GET", "/readyz", Health, statuses=(200, 503))
VERSION = Operation("getVersion", "GET", "/version", Version)
METRICS = Operation("getMetrics", "GET", "/metrics", str)
