"""A coordinator as its dispatch sees it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, cast

from ._error import CoordinatorError
from ._local_state import LocalState
from ._lock_name import lock_key
from ._native import LIMIT_MAX
from ._original import Original

if TYPE_CHECKING:
    from ._coordinator import BaseCoordinator
    from ._dispatch import Dispatch, Turn
    from ._native import Hook

logger = logging.getLogger(__name__)

TIME = '%Y-%m-%d %H:%M:%S.%fZ'
"""How the original library writes a time."""

Policy = Callable[[str, str, 'set[str]', 'list[str]'], bool]
"""A charm's own decision: `(lock, unit, granted, queue)`, true to let the unit in."""


class Part:
    """A coordinator as its dispatch sees it: its locks, its limits, its policy."""

    def __init__(
        self,
        coordinator: BaseCoordinator,
        dispatch: Dispatch,
        *,
        relation_key: str,
        limit: int | Mapping[str, int],
        usual_grant: object,
        usual_released: object,
    ):
        self.coordinator = coordinator
        self.name = type(coordinator).__name__
        self.dispatch = dispatch
        self._limit = checked_limit(limit)
        self._usual_grant, self._usual_released = usual_grant, usual_released
        self._local = LocalState(
            dispatch.charm.charm_dir / f'.charmhelpers.coordinator.{self.name}'
        )
        self._original = Original(dispatch, relation_key)
        for lock in self._limit if isinstance(self._limit, dict) else ():
            self.claim(lock)

    # -- locks

    def claim(self, lock: str) -> str:
        """Claim a lock for this coordinator; return its name in the line.

        Raises:
            CoordinatorError: The lock is another coordinator's.
        """
        key = lock_key(lock)
        other = self.dispatch.claim(key, lock, self)
        if other is not self:
            raise CoordinatorError(
                f'the lock {lock!r} belongs to {other.name}, so {self.name} cannot use it too: '
                'give one of them another name'
            )
        return key

    def request(self, lock: str) -> int:
        """Request a turn that comes in a later hook; return the number of the request."""
        key = self.claim(lock)
        at = self.dispatch.asked_at(key) or self.dispatch.now()
        return self.dispatch.request(key, {'at': at, 'by': self.name, 'name': lock})

    def limit_of(self, lock: str) -> int:
        """Return how many units may be inside a lock of this coordinator."""
        return self._limit.get(lock, 1) if isinstance(self._limit, dict) else self._limit

    @property
    def limits(self) -> dict[str, int]:
        """The limits of single locks, by their names in the line."""
        limits = self._limit if isinstance(self._limit, dict) else {}
        return {lock_key(lock): limit for lock, limit in limits.items()}

    @property
    def decides(self) -> bool:
        """Whether this coordinator must decide about locks that it does not name."""
        own = any(name.startswith('grant_') for name in dir(type(self.coordinator)))
        many = isinstance(self._limit, int) and self._limit != 1
        return own or many or self._grants_itself()

    def policy(self, lock: str) -> Policy | None:
        """Return the charm's own policy for a lock, None if it has none."""
        for name in (f'grant_{lock}', f'grant_{lock.replace("-", "_")}'):
            own = getattr(self.coordinator, name, None)
            if own is not None:
                return cast('Policy', own)
        return self.coordinator.default_grant if self._grants_itself() else None

    def _grants_itself(self) -> bool:
        grant = self.coordinator.default_grant
        return getattr(grant, '__func__', grant) is not self._usual_grant

    def tells_of(self, lock: str) -> bool:
        """Return whether the leader must know who requested a lock, and when."""
        return True

    @property
    def hears_releases(self) -> bool:
        """Whether the charm wants to be told when turns end."""
        heard = self.coordinator.released
        return getattr(heard, '__func__', heard) is not self._usual_released

    def tell_release(self, unit: str, lock: str, at: str | None) -> None:
        """Tell the charm that a unit's turn has ended."""
        asked = time_of(at) or datetime.now(timezone.utc).replace(tzinfo=None)
        self.coordinator.released(unit, lock, asked)

    # -- the dispatch

    def take_over(self, hook: Hook) -> None:
        """Migrate requests that this unit made without a ticket."""
        requests = self._original.take_requests() if hook.has_relation else None
        if requests is None:
            self._take(
                {lock: {'at': at, 'by': self.name} for lock, at in self._local.load().items()}
            )
        else:
            # The original leaves its file behind when it has joined the relation. What is in the
            # databag is of any of its coordinators.
            self._take({lock: {'at': at} for lock, at in requests.items()})

    def _take(self, found: dict[str, dict[str, str]]) -> None:
        for lock, said in sorted(found.items()):
            try:
                key = lock_key(lock)
            except ValueError as error:
                logger.warning('ignoring a leftover request: %s', error)
                continue
            self.coordinator.msg(f'Taking over the request for {lock} of {said["at"]}')
            self.dispatch.request(key, {**said, 'name': lock})

    def turn_ends(self, lock: str, turn: Turn) -> None:
        """Decide whether the unit keeps a turn that this dispatch has used."""

    def claims(self, lock: str) -> bool | None:
        """Return whether this unit's request for a lock has a claimant.

        None where the coordinator cannot know, because its charm's code asks again or does not.
        """
        return None

    def before_release(self, hook: Hook) -> None:
        """Store the requests in the local file while there is no relation to publish them."""
        if hook.has_relation:
            self.dispatch.at_end(lambda: self._local.save({}))
            return
        waits: dict[str, str] = {}
        for lock in self.dispatch.outstanding():
            said = self.dispatch.said(lock)
            if said.get('by', self.name) == self.name:
                waits[said.get('name', lock)] = said.get('at', '')
        self._local.save(waits)

    def held_elsewhere(self) -> set[str]:
        """Return the locks that other units hold through grants of the original library."""
        # One without a name may be held: nothing here ever asks for it.
        return {lock_key(lock) for lock in self._original.holders() if lock.strip()}


def checked_limit(limit: object) -> int | dict[str, int]:
    """Check and return a limit, for all locks or for single locks.

    Raises:
        TypeError: It is no whole number, and maps no locks to whole numbers.
        ValueError: It is not from 1 to 100.
    """
    if isinstance(limit, Mapping):
        given = cast('Mapping[str, object]', limit)
        return {lock: _checked(one, f'limit[{lock!r}]') for lock, one in given.items()}
    return _checked(limit, 'limit')


def _checked(limit: object, name: str) -> int:
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise TypeError(f'{name} must be a whole number from 1 to {LIMIT_MAX}, not {limit!r}')
    if not 1 <= limit <= LIMIT_MAX:
        raise ValueError(f'{name} must be a whole number from 1 to {LIMIT_MAX}, not {limit!r}')
    return limit


def time_of(text: str | None) -> datetime | None:
    """Return a time as the original library wrote it, in UTC and without a time zone."""
    try:
        return datetime.strptime(text, TIME) if text else None
    except ValueError:
        return None


def said_of(payload: str | None) -> dict[str, str]:
    """Return the payload of a request."""
    said: Any = json.loads(payload or 'null')
    return cast('dict[str, str]', said) if isinstance(said, dict) else {}
