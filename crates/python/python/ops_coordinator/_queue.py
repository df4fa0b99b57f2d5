"""The operations of a unit that wait for a lock, in its databag.

The databag is the right place: Juju takes back what a failed hook has written to it, and with it
everything else that the hook's operation has published; it survives a pod; and other units can see
it. Before there is a relation, the operations wait in the framework's state.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any, cast

import ops

from ._dispatch import Dispatch
from ._error import CoordinatorError
from ._operation import Operation, operations_in

logger = logging.getLogger(__name__)

QUEUE = 'ops-coordinator-queue'
"""The key in a unit's databag that holds it: `{lock: [operation, ...]}`."""

LENGTH_LIMIT = 100
"""How many operations of a unit may wait for a lock."""


class Queue:
    """The operations of this unit that wait for a lock, the next one first."""

    def __init__(self, dispatch: Dispatch, lock: str):
        self._dispatch, self._lock = dispatch, lock
        self._key = f'queue-{lock}'
        self._operations: list[Operation] | None = None

    @property
    def operations(self) -> list[Operation]:
        """The operations, the next one first."""
        if self._operations is None:
            early = operations_in(self._dispatch.recall(self._key))
            relation = self._relation
            found: list[Operation] = []
            if relation is not None:
                found = operations_of(relation, self._dispatch.charm.unit, self._lock)
            self._operations = [*found, *early]
        return self._operations

    def add(self, operation: Operation, *, running: Operation | None) -> bool:
        """Put an operation at the end, unless the last one does the same and has not begun.

        Returns:
            Whether it was added.

        Raises:
            CoordinatorError: Too many are waiting.
        """
        # One that is being checked has run without what this one is for.
        waiting = [one for one in self.operations if one is not running and not one.is_checked]
        if waiting and waiting[-1].is_same(operation):
            return False
        if len(waiting) >= LENGTH_LIMIT:
            raise CoordinatorError(
                f'{len(waiting)} operations of {self._dispatch.charm.unit.name} wait for the lock '
                f'{self._lock} already, and no more are taken: `status` tells why the first one, '
                f'{waiting[0].name}, is still waiting'
            )
        self.operations.append(operation)
        return True

    def remove(self, operation: Operation) -> None:
        """Take an operation out."""
        self._operations = [one for one in self.operations if one is not operation]

    def clear(self, unless: Callable[[Operation], bool] = lambda _: False) -> list[Operation]:
        """Take all operations out, except some; return what was taken out."""
        gone = [one for one in self.operations if not unless(one)]
        self._operations = [one for one in self.operations if unless(one)]
        return gone

    def publish(self) -> None:
        """Write the queue, if this dispatch has changed it, and read it anew in the next one."""
        if self._operations is None:
            return
        relation = self._relation
        waiting = [one.content for one in self._operations]
        if relation is None:
            self._dispatch.remember(self._key, waiting or None)
        else:
            bag = relation.data[self._dispatch.charm.unit]
            queues = _queues(bag)
            if waiting:
                queues[self._lock] = waiting
            else:
                queues.pop(self._lock, None)
            said = json.dumps(queues, sort_keys=True, separators=(',', ':')) if queues else ''
            if bag.get(QUEUE, '') != said:
                bag[QUEUE] = said
            self._dispatch.remember(self._key, None)
        self._operations = None

    @property
    def _relation(self) -> ops.Relation | None:
        # Where most hook tools do not work, what is new waits as if there were no relation.
        return None if self._dispatch.restricted else self._dispatch.relation


def operations_of(relation: ops.Relation, unit: ops.Unit, lock: str) -> list[Operation]:
    """Return the operations of any unit that wait for a lock, as it has published them."""
    return operations_in(_queues(relation.data[unit]).get(lock))


def _queues(bag: ops.RelationDataContent) -> dict[str, Any]:
    text = bag.get(QUEUE)
    try:
        queues: object = json.loads(text) if text else {}
    except ValueError as error:
        logger.warning('ignoring the databag key %s, which cannot be read: %s', QUEUE, error)
        return {}
    return cast('dict[str, Any]', queues) if isinstance(queues, dict) else {}
