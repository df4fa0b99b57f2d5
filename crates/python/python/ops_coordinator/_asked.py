"""What a unit publishes about its requests besides the record: coordinator, lock name, and time.

The line does not need it, but a Python policy does: it decides only for its own coordinator's
locks, and the leader may never have used them itself.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any, cast

import ops

from ._endpoint import peer_relation

ASKED = 'ops-coordinator-asked'
"""The key in a unit's databag that holds it: `{lock: {by, at, name}}`."""

_TIME = '%Y-%m-%d %H:%M:%S.%fZ'
"""How the original library writes a time."""


class Asked:
    """What the units publish about their requests."""

    def __init__(self, charm: ops.CharmBase, endpoint: str):
        self._charm, self._endpoint = charm, endpoint
        self._new: dict[str, dict[str, str]] = {}

    def note(self, lock: str, said: dict[str, str]) -> None:
        """Note something to publish about a request of this unit."""
        self._new[lock] = said

    def publish(self) -> None:
        """Publish what this dispatch has noted."""
        relation = peer_relation(self._charm, self._endpoint)
        if relation is None or not self._new:
            return
        unit = self._charm.unit
        said = {**_read(relation, unit), **self._new}
        relation.data[unit][ASKED] = json.dumps(said, sort_keys=True)
        self._new.clear()

    def of_all(self) -> dict[str, dict[str, dict[str, str]]]:
        """Return what the units publish about their requests, by unit and lock."""
        relation = peer_relation(self._charm, self._endpoint)
        own = self._charm.unit
        if relation is None:
            return {own.name: dict(self._new)}
        found = {unit.name: _read(relation, unit) for unit in {own, *relation.units}}
        found[own.name].update(self._new)
        return found


def _read(relation: ops.Relation, unit: ops.Unit) -> dict[str, dict[str, str]]:
    try:
        said = json.loads(relation.data[unit].get(ASKED) or '{}')
    except ValueError:
        return {}
    if not isinstance(said, dict):
        return {}
    return {
        lock: {str(k): str(v) for k, v in cast('dict[Any, Any]', kept).items()}
        for lock, kept in cast('dict[str, Any]', said).items()
        if isinstance(kept, dict)
    }


def said_in(payload: str | None) -> dict[str, str]:
    """Return what the payload of a request says about it."""
    said: Any = json.loads(payload or 'null')
    return cast('dict[str, str]', said) if isinstance(said, dict) else {}


def time_now() -> str:
    """Return the time as the original library writes it."""
    return datetime.now(timezone.utc).strftime(_TIME)


def time_of(text: str | None) -> datetime | None:
    """Return a time that the original library wrote, in UTC and without a time zone."""
    try:
        return datetime.strptime(text, _TIME) if text else None
    except ValueError:
        return None
