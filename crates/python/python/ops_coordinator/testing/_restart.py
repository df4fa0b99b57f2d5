"""The restarts that a unit has requested and that are still to come."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import ops
from ops import testing

from .._event_base import RestartEventBase
from .._waiting import lock_of


@dataclasses.dataclass(frozen=True)
class Restart:
    """A restart that is still to come: a restart event that the charm has deferred."""

    ctx: Any
    """The value that the charm passed to `emit`."""
    services: tuple[str, ...]
    """The services to restart, in this order."""
    lock: str | None
    """The lock whose turn it waits for, by its name in the line; None if the handler has never
    asked for a turn."""


def restarts(state: testing.State) -> list[Restart]:
    """Return the restarts that wait.

    Args:
        state: Any state; usually what `Context.run` returned.

    Returns:
        The restarts that the charm has requested and that are still to come, in this order.
    """
    locks = _locks(state)
    found: list[tuple[int, Restart]] = []
    for deferred in state.deferred:
        if set(deferred.snapshot_data) != {'ctx', 'svc'}:
            continue
        event = RestartEventBase(ops.Handle(None, deferred.name, '0'))
        event.restore(deferred.snapshot_data)
        lock = locks.get(deferred.handle_path)
        number = int(deferred.handle_path.rpartition('[')[2].rstrip(']'))
        found.append((number, Restart(event.ctx, tuple(event.services), lock)))
    return [restart for _, restart in sorted(found, key=lambda one: one[0])]


def _locks(state: testing.State) -> dict[str, str]:
    """Return the lock that each deferred event waits for, by the event's path."""
    found: dict[str, str] = {}
    for stored in state.stored_states:
        if '[ops-coordinator-' not in (stored.owner_path or ''):
            continue
        for key, text in stored.content.items():
            lock = lock_of(key)
            if lock is not None and text is not None:
                found.update(dict.fromkeys(json.loads(text), lock))
    return found
