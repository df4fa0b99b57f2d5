"""Which request each deferred event waits for."""

from __future__ import annotations

from collections.abc import Iterable

import ops

from ._dispatch import Dispatch
from ._event_base import RestartEventBase

_KEY = 'waiting'
_ALL = '_ops_coordinator_waiting'


def waiting_key(lock: str) -> str:
    """Return the key under which the events that wait for a lock are stored."""
    # `restart` keeps the key from when there was no other lock.
    return _KEY if lock == 'restart' else f'{_KEY}-{lock}'


def lock_of(key: str) -> str | None:
    """Return the lock that a key is about, None if it is not such a key."""
    if key == _KEY:
        return 'restart'
    return key[len(_KEY) + 1 :] if key.startswith(f'{_KEY}-') else None


class Waiting:
    """Which request each deferred event waits for.

    It is stored with the events themselves, in the framework's state, so that the two always
    agree.
    """

    def __init__(self, dispatch: Dispatch, lock: str):
        self._dispatch = dispatch
        self._lock = lock
        self._key = waiting_key(lock)
        self._all = _all(dispatch.framework)
        self._all.append(self)

    def paths(self) -> set[str]:
        """Return the waiting events, by path."""
        return set(self.numbers())

    def paths_elsewhere(self) -> set[str]:
        """Return the events, by path, that wait only for other coordinators' locks."""
        others = {path for one in self._all if one is not self for path in one.paths()}
        return others - self.paths()

    def numbers(self) -> dict[str, int]:
        """Return the requests that the events wait for, by the events' paths."""
        return self._dispatch.recall(self._key) or {}

    def number(self, event: RestartEventBase) -> int | None:
        """Return the request that an event waits for, None if unknown."""
        return self.numbers().get(event.handle.path)

    def note(self, event: RestartEventBase, number: int) -> None:
        """Remember which request an event waits for."""
        self._remember({**self.numbers(), event.handle.path: number})

    def was_taken_back(self, event: RestartEventBase, *, passes_on: bool) -> bool:
        """Return whether the request of an event has ended without a restart.

        It was withdrawn, cancelled or skipped; or, if the turn passes on after a failure, it has
        failed.
        """
        number = self.number(event)
        if number is None:
            return False
        following = self._dispatch.outstanding().get(self._lock)
        if following is not None and following <= number:
            return False
        # How a request ended is known only of the last one.
        _, done, outcome, _ = self._dispatch.hook.counters(self._lock)
        over = ('cancelled', 'withdrawn', 'skipped', *(('failed',) if passes_on else ()))
        return number <= done and outcome in over

    def keep(self, paths: Iterable[str]) -> None:
        """Forget all events but these."""
        kept = set(paths)
        self._remember({path: n for path, n in self.numbers().items() if path in kept})

    def _remember(self, numbers: dict[str, int]) -> None:
        self._dispatch.remember(self._key, numbers or None)


def _all(framework: ops.Framework) -> list[Waiting]:
    """Return what waits for each of the charm's coordinators of restarts."""
    return framework.__dict__.setdefault(_ALL, [])
