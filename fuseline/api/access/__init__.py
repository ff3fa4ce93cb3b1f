"""Who may use the HTTP API: tokens, sessions, and what keeps others out. Knows no framework."""

from fuseline.api.access.access import Access, LoggedIn, require
from fuseline.api.access.roles import Caller, Role

__all__ = ["Access", "Caller", "LoggedIn", "Role", "require"]
