"""What a unit publishes about its requests besides the record: who asked, by which name, and when.

The line does not need it, but a Python policy does: it decides only for its own coordinator's
locks, and the leader may never have used them itself.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import ops

if TYPE_CHECKING:
    from ._dispatch import Dispatch

ASKED = 'ops-coordinator-asked'
"""The key in a unit's databag that holds it: `{lock: {by, at, name}}`."""


class Asked:
    """What the units publish about their requests."""

    def __init__(self, dispatch: Dispatch):
        self._dispatch = dispatch
        self._new: dict[str, dict[str, str]] = {}

    def note(self, lock: str, said: dict[str, str]) -> None:
        """Note something to publish about a request of this unit."""
        self._new[lock] = said

    def publish(self) -> None:
        """Publish what this dispatch has noted."""
        relation = self._dispatch.relation
        if relation is None or not self._new:
            return
        unit = self._dispatch.charm.unit
        said = {**_read(relation, unit), **self._new}
        relation.data[unit][ASKED] = json.dumps(said, sort_keys=True)
        self._new.clear()

    def of_all(self) -> dict[str, dict[str, dict[str, str]]]:
        """Return what the units publish about their requests, by unit and lock."""
        relation = self._dispatch.relation
        if relation is None:
            return {self._dispatch.charm.unit.name: dict(self._new)}
        units = {self._dispatch.charm.unit, *relation.units}
        found = {unit.name: _read(relation, unit) for unit in units}
        found[self._dispatch.charm.unit.name].update(self._new)
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
