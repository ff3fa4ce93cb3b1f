"""Changes of rules and channels: each has a revision, a time and an author, and is audited."""

from __future__ import annotations

from typing import Any

import msgspec

from fuseline.alerts.errors import AlertExistsError, StaleAlertError
from fuseline.alerts.records import Record
from fuseline.core.texts import check_text
from fuseline.events.backend import Backend
from fuseline.schemas.alerts import AlertChannel, AlertRule

MOST_AUDITED = 5000


class Changes:
    """Writes rules and channels that are checked already.

    Args:
        backend: the namespace.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._keys = backend.keys.alerts

    async def put(
        self,
        kind: str,
        name: str,
        document: AlertRule | AlertChannel,
        created_ms: int,
        actor: str,
        revision: int | None,
    ) -> tuple[Record[Any], int]:
        """Makes or replaces a rule or a channel.

        Args:
            kind: rule or channel.
            name: of it.
            document: what it says.
            created_ms: when it was made; 0: now.
            actor: who says it.
            revision: the one it is based on; 0: there must be none; None: whatever stands.

        Returns:
            It as it stands now, and its revision.

        Raises:
            AlertExistsError, StaleAlertError: see `revision`.
        """
        now_ms = await self._backend.learn_time()
        who = check_text("actor", actor)
        record: Record[Any] = Record(document, created_ms or now_ms, now_ms, who)
        said = {
            "actor": who,
            "action": "put",
            "kind": kind,
            "name": name,
            "after": msgspec.to_builtins(document),
        }
        new = await self._change(kind, name, msgspec.json.encode(record), said, revision)
        return record, new

    async def remove(self, kind: str, name: str, actor: str, revision: int | None) -> None:
        """Removes a rule or a channel; see `put`.

        Raises:
            StaleAlertError: it stands at another revision.
        """
        who = check_text("actor", actor)
        said = {"actor": who, "action": "delete", "kind": kind, "name": name, "after": None}
        await self._change(kind, name, b"", said, revision)

    async def _change(
        self, kind: str, name: str, record: bytes, said: dict[str, Any], revision: int | None
    ) -> int:
        key = self._keys.rules if kind == "rule" else self._keys.channels
        reply = await self._backend.fcall(
            "alerts_put",
            (key, self._keys.audit, self._keys.wake),
            (
                name,
                "*" if revision is None else revision,
                record,
                msgspec.json.encode(said),
                MOST_AUDITED,
            ),
        )
        if reply[0] == b"OK":
            return int(reply[1])
        if revision == 0:
            raise AlertExistsError(kind, name)
        current = int(reply[1].partition(b" ")[0] or 0)
        raise StaleAlertError(kind, name, current, revision)
