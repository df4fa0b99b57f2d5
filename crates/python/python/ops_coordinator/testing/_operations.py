"""The operations that a unit has requested and that are still to come."""

from __future__ import annotations

import json
from typing import Any

from ops import testing

from .._lock_name import lock_key
from .._operation import operations_in
from .._queue import QUEUE
from .._turn_events import WaitingOperation


def operations(state: testing.State, lock: str = 'restart') -> list[WaitingOperation]:
    """Return the operations that wait for a lock.

    Args:
        state: Any state with the peer relation; usually what `Context.run` returned.
        lock: The lock, as the charm calls it.

    Returns:
        What the charm has requested of its `Turns` and is still to come, in this order.
    """
    found: list[WaitingOperation] = []
    for relation in state.relations:
        if isinstance(relation, testing.PeerRelation):
            queues: dict[str, Any] = json.loads(relation.local_unit_data.get(QUEUE) or '{}')
            found.extend(map(WaitingOperation, operations_in(queues.get(lock_key(lock)))))
    return found
