"""A coordinator as its dispatch sees it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias, cast

from ._asked import time_now, time_of
from ._dispatch import Dispatch, Turn
from ._error import CoordinatorError, brief
from ._local_state import LocalState
from ._lock_name import lock_key
from ._native import Hook, Rules
from ._overridable import Overridable, is_overridden
from ._policy import Policy

if TYPE_CHECKING:
    from ._check import Check, Holds
    from ._original import Original
    from ._shared import SharedLock

logger = logging.getLogger(__name__)

Grant: TypeAlias = 'Callable[[str, str, set[str], list[str]], bool]'
"""A charm's own decision: `(lock, unit, granted, queue)`, true to let the unit in."""


Ended: TypeAlias = 'tuple[str, str | None]'
"""How an operation stands that has succeeded, and why: done, checking, or what follows (one of
`ON_FAILURE`) because its check has failed."""


def check_for(
    lock: str, check: Holds | None, soak: int | str, check_within: int | str | None
) -> Check | None:
    """Return what must hold after an operation, as a charm declares it; None for nothing.

    Raises:
        TypeError: As for `declared_check`.
        ValueError: As for `declared_check`.
    """
    if check is None and check_within is None and soak == 0:
        return None
    # Most charms demand nothing, and each of their hooks would pay for this.
    from ._check import declared_check

    return declared_check(lock, check, soak, check_within)


class Part:
    """A coordinator as its dispatch sees it: its locks, its limits, its policy."""

    def __init__(
        self,
        coordinator: Overridable,
        dispatch: Dispatch,
        *,
        relation_key: str,
        policy: Policy | Mapping[str, Policy],
    ):
        self.coordinator = coordinator
        self.kind = type(coordinator)
        self.name = self.kind.__name__
        self.dispatch = dispatch
        self._policy = policy
        self._local = LocalState(
            dispatch.charm.charm_dir / f'.charmhelpers.coordinator.{self.name}'
        )
        self._relation_key = relation_key
        for lock in policy if isinstance(policy, Mapping) else ():
            self.claim(lock)

    @cached_property
    def _original(self) -> Original:
        # A charm with only `Turns` has no such data, and each of its hooks would pay for this.
        from ._original import Original

        return Original(self.dispatch, self._relation_key)

    # -- locks

    def claim(self, lock: str) -> str:
        """Claim a lock for this coordinator; return its name in the line.

        Raises:
            CoordinatorError: Another coordinator of the charm uses the lock.
            TypeError: Its name is not text.
            ValueError: Its name is empty, or too similar to another.
        """
        key = lock_key(lock)
        owner = self.dispatch.names.claim(key, lock, self.kind)
        if owner is not self.kind:
            raise CoordinatorError(
                f'the lock {brief(lock)} belongs to {owner.__name__}, so {self.name} cannot use '
                'it too: use another lock in one of them'
            )
        return key

    def request(self, lock: str) -> int:
        """Request a turn that comes in a later hook; return the number of the request."""
        key = self.claim(lock)
        at = self.asked_at(key) or time_now()
        return self._request(key, {'at': at, 'by': self.name, 'name': lock})

    def _request(self, lock: str, said: dict[str, str]) -> int:
        number = self.dispatch.request(lock, {**self.also_said(lock), **said})
        if 'by' not in said or self.tells_of(lock):
            self.dispatch.asked.note(lock, said)
        return number

    def also_said(self, lock: str) -> dict[str, str]:
        """Return what else belongs to a request, for this unit alone."""
        return {}

    def asked_at(self, lock: str) -> str | None:
        """Return when this unit requested a lock, None if it has not."""
        return self.dispatch.said(lock).get('at')

    def declared(self, lock: str) -> Policy:
        """Return how units take turns for a lock of this coordinator."""
        if isinstance(self._policy, Policy):
            return self._policy
        return self._policy.get(lock, Policy())

    @property
    def rules(self) -> dict[str, Rules]:
        """The policies of single locks, by their names in the line."""
        if isinstance(self._policy, Policy):
            return {}
        return {lock_key(lock): policy.rules for lock, policy in self._policy.items()}

    def start(self, lock: str) -> tuple[bool, str | None]:
        """Begin the operation if it is our turn, and nothing holds it back: see `Dispatch.start`.

        Args:
            lock: The lock's name in the line.
        """
        declared = self.declared(self.dispatch.names.name_of(lock))
        return self.dispatch.start(lock, declared)

    @property
    def available(self) -> list[Holds]:
        """What tells whether this unit is available, in the policies that ask for it."""
        return [one.available for one in self._policies if one.available is not None]

    @property
    def shared_locks(self) -> list[SharedLock]:
        """The locks in etcd that operations need beside their turns."""
        return [one.shared for one in self._policies if one.shared is not None]

    @property
    def _policies(self) -> Iterable[Policy]:
        return [self._policy] if isinstance(self._policy, Policy) else self._policy.values()

    @property
    def decides(self) -> bool:
        """Whether this coordinator must decide about locks that it does not name."""
        own = any(name.startswith('grant_') for name in dir(self.kind))
        many = isinstance(self._policy, Policy) and self._policy != Policy()
        return own or many or self._grants_itself()

    def policy(self, lock: str) -> Grant | None:
        """Return the charm's own policy for a lock, None if it has none."""
        for name in (f'grant_{lock}', f'grant_{lock.replace("-", "_")}'):
            own = getattr(self.coordinator, name, None)
            if own is not None:
                return cast('Grant', own)
        return self.coordinator.default_grant if self._grants_itself() else None

    def _grants_itself(self) -> bool:
        return is_overridden(self.coordinator.default_grant, Overridable.default_grant)

    def tells_of(self, lock: str) -> bool:
        """Return whether the leader must know who requested a lock, and when."""
        return True

    @property
    def hears_releases(self) -> bool:
        """Whether the charm wants to be told when turns end."""
        return is_overridden(self.coordinator.released, Overridable.released)

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
            # The original leaves its file behind once it has joined the relation. The requests in
            # the databag may be those of any of its coordinators.
            self._take({lock: {'at': at} for lock, at in requests.items()})

    def _take(self, found: dict[str, dict[str, str]]) -> None:
        for lock, said in sorted(found.items()):
            try:
                key = lock_key(lock)
            except ValueError as error:
                logger.warning('ignoring a leftover request: %s', error)
                continue
            self.coordinator.msg(f'Taking over the request for {lock} of {said["at"]}')
            self._request(key, {**said, 'name': lock})

    def turn_ends(self, lock: str, turn: Turn) -> None:
        """Decide whether the unit keeps a turn that this dispatch has used."""

    def operation_ended(self, lock: str, ended: Ended) -> None:
        """Hear how an operation stands that has succeeded in this dispatch, with its check."""

    def claims(self, lock: str) -> bool | None:
        """Return whether this unit's request for a lock has a claimant.

        None if the coordinator cannot know, because the charm's code may or may not ask again.
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

    def passes_when_held(self, lock: str) -> str | None:
        """Return the unit that may join the line although a grant of another library is held."""
        return None

    def held_elsewhere(self) -> set[str]:
        """Return the locks that other units hold through grants of the original library."""
        # A lock without a name may stay held: nothing here ever requests it.
        return {lock_key(lock) for lock in self._original.holders() if lock.strip()}
