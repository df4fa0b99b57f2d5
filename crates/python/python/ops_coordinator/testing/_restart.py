"""The restarts that a unit has asked for and not had yet."""

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
    """A restart that the charm has asked for and not had yet: a restart event that it deferred."""

    ctx: Any
    """What the charm gave to `emit`."""
    services: tuple[str, ...]
    """The services to restart, in their order."""
    lock: str | None
    """The lock whose turn it waits for, as the line names it; None where the handler has never
    asked for a turn."""


def restarts(state: testing.State) -> list[Restart]:
    """Look at the restarts that wait.

    Args:
        state: Any state; usually what `Context.run` returned.

    Returns:
        The restarts that the charm has asked for and not had yet, in their order.
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
