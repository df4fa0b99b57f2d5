"""The names of the charm library rolling_ops v1.

A charm imports them from here, and the rest of it stays as it is::

    # was: charms.rolling_ops.v1.rollingops
    from ops_coordinator.compat.rolling_ops_v1 import OperationResult, RollingOpsManagerV1

`docs/moving.md` says what is different here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import ops

from .._error import CoordinatorError
from .._operation import OperationResult
from ._manager import CompatTurns

__all__ = [
    'OperationResult',
    'RollingOpsDecodingError',
    'RollingOpsInvalidLockRequestError',
    'RollingOpsManagerV1',
    'RollingOpsNoRelationError',
]


class RollingOpsNoRelationError(Exception):
    """There is no peer relation yet."""


class RollingOpsDecodingError(Exception):
    """Never raised here: what cannot be read is left out, and here for `except` clauses."""


class RollingOpsInvalidLockRequestError(Exception):
    """A request that cannot be served: its text says why."""


class RollingOpsManagerV1(ops.Object):
    """Runs a charm's callbacks on one unit after the other.

    Args:
        charm: The charm.
        relation_name: The peer relation; the lock has its name.
        callback_targets: The callbacks, by the names under which they are requested.

    Raises:
        PeerRelationError: The charm declares no such peer relation.
    """

    def __init__(
        self,
        charm: ops.CharmBase,
        relation_name: str,
        callback_targets: dict[str, Callable[..., Any]],
    ):
        super().__init__(charm, f'rolling-ops-manager-{relation_name}')
        self.relation_name = relation_name
        """The peer relation."""
        self.callback_targets = callback_targets
        """The callbacks, by name."""
        self.turns: CompatTurns = CompatTurns(charm, relation_name, callback_targets)
        """The same with all that this package offers, for charms that move on step by step."""

    def request_async_lock(
        self,
        callback_id: str,
        kwargs: dict[str, Any] | None = None,
        max_retry: int | None = None,
    ) -> None:
        """Let a callback run in this unit's turn, in a later hook.

        Args:
            callback_id: The callback's name.
            kwargs: What it is called with: values that JSON can represent, at most 16 KiB.
            max_retry: How often it may run again; None for no limit, 0 for never.

        Raises:
            RollingOpsInvalidLockRequestError: The name is unknown, or an argument not valid.
            RollingOpsNoRelationError: There is no peer relation yet.
        """
        if callback_id not in self.callback_targets:
            raise RollingOpsInvalidLockRequestError(f'Unknown callback_id: {callback_id}')
        if self.turns.relation is None:
            raise RollingOpsNoRelationError(f'No {self.relation_name} peer relation yet.')
        try:
            self.turns.request_with(callback_id, kwargs, max_retry=max_retry)
        except (AttributeError, TypeError, ValueError, CoordinatorError) as error:
            raise RollingOpsInvalidLockRequestError(
                f'Failed to create the lock request: {error}'
            ) from error


def _now_timestamp_str() -> str:  # pyright: ignore[reportUnusedFunction]
    """Return the time as v1 writes it, for charms that have borrowed this function."""
    return datetime.now(timezone.utc).isoformat()
