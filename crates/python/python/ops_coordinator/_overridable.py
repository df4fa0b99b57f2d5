"""What a charm's own coordinator class may override: its policy, and its notifications."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

logger = logging.getLogger(__name__)


class Overridable:
    """The methods of a coordinator that the package calls and a charm may override."""

    def default_grant(self, lock: str, unit: str, granted: set[str], queue: list[str]) -> bool:
        """Decide, on the leader, whether a unit gets a lock now.

        Override it, or define a method `grant_<lock>` with the same arguments for one lock, to
        decide differently; either may be a `staticmethod`. It decides only for this coordinator's
        locks, and each turn then takes a hook of the leader. Without one, units proceed without
        the leader, up to `limit` at once.

        Args:
            lock: The lock.
            unit: The unit that asks; never in `granted`, always in `queue`.
            granted: The units that have the lock, or will get it in their next hook.
            queue: The waiting units, in the order in which they go: by number, starting after
                the unit that joined the line last.

        Returns:
            Whether the unit gets the lock now.
        """
        return unit == queue[0] and not granted

    def released(self, unit: str, lock: str, timestamp: datetime) -> None:
        """Learn, on the leader, that a unit's turn has ended.

        Override it for bookkeeping. A new leader learns only of turns that end from then on.

        Args:
            unit: The unit whose turn has ended.
            lock: The lock, one of this coordinator's.
            timestamp: When the unit requested it, in UTC and without a time zone.
        """

    def msg(self, msg: str) -> None:
        """Log a message. Override this to log more or less.

        Args:
            msg: The message.
        """
        logger.info('coordinator.%s %s', type(self).__name__, msg)

    def step(self, msg: str) -> None:
        """Tell a charm that listens of a step.

        The log has a line for each step already, as in a charm without this package.
        """
        if is_overridden(self.msg, Overridable.msg):
            self.msg(msg)


def is_overridden(method: Callable[..., Any], usual: Callable[..., Any]) -> bool:
    """Return whether a coordinator's method is its own, and not the usual one."""
    return getattr(method, '__func__', method) is not usual
