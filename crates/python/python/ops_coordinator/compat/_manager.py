"""What the managers of the rolling-ops libraries have in common."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import ops

from .._dispatch import Dispatch
from .._operation import Operation, OperationResult
from .._policy import Policy
from .._queue_part import Predecessor
from .._turns import Turns
from ._databags import RollingOps, waiting_in

logger = logging.getLogger(__name__)


class CompatTurns(Turns):
    """Turns with the manners of the rolling-ops libraries.

    An operation that raises runs again in another turn, and whatever an operation returns that is
    no result counts as done. The lock has the name of the relation, and what the other library has
    left there is taken over.
    """

    IS_V0: ClassVar[bool] = False
    """Whether the library is v0."""

    def __init__(
        self,
        charm: ops.CharmBase,
        relation: str,
        callbacks: Mapping[str, Callable[..., Any]],
        policy: Policy | None = None,
    ):
        self._callbacks = callbacks
        super().__init__(
            charm, self._kind(callbacks), lock=relation, relation=relation, policy=policy
        )

    @property
    def relation(self) -> ops.Relation | None:
        """The peer relation, None before it exists."""
        return self._part.dispatch.relation

    @property
    def is_granted(self) -> bool:
        """Whether this unit has its turn."""
        dispatch = self._part.dispatch
        if self._part.lock in dispatch.turns:
            return True
        return self._part.next() is not None and dispatch.hook.is_turn(self._part.lock)

    def holders(self) -> list[str]:
        """Return the units whose turn it is; reads every unit's record."""
        lock = self._part.dispatch.locks().get(self._part.lock)
        return [one.unit for one in lock.units if one.place == 'turn'] if lock else []

    def waiting(self, unit: str | None = None) -> list[Operation]:
        """Return what waits on a unit, with its old code or the new one.

        Raises:
            ValueError: The relation has no such unit.
        """
        waiting = self._waiting_on(unit)
        if unit in (None, self._charm.unit.name) or self.relation is None:
            return waiting
        bag = next(self.relation.data[one] for one in self.relation.units if one.name == unit)
        return waiting or waiting_in(bag, self._resolve)

    def _kind(
        self, callbacks: Mapping[str, Callable[..., Any]]
    ) -> Mapping[str, Callable[..., OperationResult | None]]:
        return {name: _forgiving(name, callback) for name, callback in callbacks.items()}

    def _find_predecessor(self, dispatch: Dispatch) -> Predecessor:
        return RollingOps(dispatch, self._resolve, is_v0=self.IS_V0)

    def _resolve(self, callback: str) -> str:
        """Return the name of the operation that has a callback of v0; the usual one if empty."""
        for name, function in self._callbacks.items():
            if callback in (name, getattr(function, '__name__', None)):
                return name
        return callback or next(iter(self._callbacks), 'restart')


def _forgiving(name: str, callback: Callable[..., Any]) -> Callable[..., OperationResult]:
    def run(**kwargs: Any) -> OperationResult:
        try:
            result = callback(**kwargs)
        except Exception as error:
            logger.exception('the operation %s failed, and is to run again: %s', name, error)
            return OperationResult.RETRY_RELEASE
        try:
            return OperationResult.RELEASE if result is None else OperationResult(result)
        except ValueError:
            logger.warning('the operation %s returned %r, which counts as done', name, result)
            return OperationResult.RELEASE

    return run
