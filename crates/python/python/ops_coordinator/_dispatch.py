"""One dispatch of the charm on a peer relation: what it reads of the line, and what it writes."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ops

from ._asked import Asked, said_in
from ._endpoint import KEY, STATE, openers_of, peer_relation
from ._error import CoordinatorError
from ._lock_name import LockNames
from ._machine import machine
from ._model import Model
from ._native import Hook, LockStatus
from ._policy import Policy
from ._restarts import restarts_of

if TYPE_CHECKING:
    from ._guard import Guard, SharedTurn

logger = logging.getLogger(__name__)

RESTRICTED = ('collect-metrics', 'meter-status-changed')
"""Hooks in which most hook tools do not work, and `ops` delivers no deferred events."""

ON_FAILURE = ('retry', 'stop', 'continue')
"""What can happen after a failure."""

_ENDPOINTS = '_ops_coordinator_endpoints'


class Turn:
    """An operation that this dispatch has begun."""

    def __init__(self, number: int, emitted: int):
        self.number = number
        """The request that it serves."""
        self.through = number
        """The newest request that it serves, if it serves more than one."""
        self.emitted = emitted
        """How many restarts had been requested when it began; later ones are not part of it."""
        self.restarted: set[tuple[str, str]] = set()
        """What was restarted, as (container, service)."""
        self.kept: str | None = None
        """Why the unit keeps the turn beyond this dispatch."""
        self.held = False
        """Whether the charm itself keeps it."""


class Dispatch(ops.Object):
    """One dispatch of the charm, shared by all coordinators on one peer relation."""

    _stored = ops.StoredState()

    def __init__(self, charm: ops.CharmBase, endpoint: str):
        super().__init__(charm, f'ops-coordinator-{endpoint}')
        self.charm = charm
        self.endpoint = endpoint
        self.turns: dict[str, Turn] = {}
        self.restarts = restarts_of(charm.framework)
        self.asked = Asked(charm, endpoint)
        self.names = LockNames(charm.framework)
        self._endpoints: set[str] = charm.framework.__dict__.setdefault(_ENDPOINTS, set())
        self._endpoints.add(endpoint)
        openers_of(charm)[endpoint] = lambda: self.hook
        self._hook: Hook | None = None
        self._at_open: list[Callable[[Hook], None]] = []
        self._at_end: list[Callable[[], None]] = []
        self._warned: set[str] = set()
        self._shared: set[str] = set()

    # -- its beginning and its end

    @property
    def hook(self) -> Hook:
        """The hook; the first use asks whether this unit leads, and reads the line."""
        if self._hook is None:
            self._hook = self._open()
            for action in self._at_open:
                action(self._hook)
        return self._hook

    def at_open(self, action: Callable[[Hook], None]) -> None:
        """Call something with the hook once it is open, in every dispatch of this process."""
        self._at_open.append(action)
        if self._hook is not None:
            action(self._hook)

    def at_end(self, action: Callable[[], None]) -> None:
        """Call something once at the end of this dispatch, unless the dispatch fails."""
        self._at_end.append(action)

    def end(self) -> None:
        """Do what was left for the end, after the hook has published."""
        for action in self._at_end:
            action()
        self._at_end.clear()
        self.tell()
        for warning in self.hook.take_warnings():
            self._warn(warning)
        self._warned.clear()
        # Whatever still comes, as in a test that goes on with the same charm, is another dispatch.
        self._hook = None

    def tell(self) -> None:
        """Log what has happened to this unit's requests since this was last called."""
        for news in self.hook.take_news():
            logger.info('%s', news)

    # -- the line

    def outstanding(self) -> dict[str, int]:
        """Return which of this unit's requests are served next, by lock."""
        # What an earlier revision has asked for on another relation belongs to this one, if it is
        # the only one.
        unused = [name for name in self.charm.meta.peers if name not in self._endpoints]
        return self.hook.outstanding(unused if self.is_only else [])

    def start(self, lock: str, policy: Policy) -> tuple[bool, str | None]:
        """Begin the operation if it is our turn, and its policy's window and blocker let it.

        Returns:
            Whether it has begun; if not, what the request waits for, None without a request.
        """
        if lock in self.turns:
            return True, None
        if policy.shared is not None:
            from ._guard import share

            share(self.hook, lock, self.names.name_of(lock), policy.shared.said)
            self._shared.add(lock)
        started, waits_for = self.hook.start(lock, policy.rules, policy.blocker)
        if started:
            if self.hook.goes_without_shared(lock):
                self._shared.discard(lock)
            _, done, _, _ = self.hook.counters(lock)
            self.turns[lock] = Turn(done + 1, self.restarts.emitted)
            # The log says when it began, even if the dispatch fails.
            self.tell()
        return started, waits_for

    def guarded(self, lock: str) -> Guard | nullcontext[None]:
        """Return what ends an operation before its shared lock, if it needs one, is another's."""
        if lock not in self._shared:
            return nullcontext()
        from ._guard import Guard

        return Guard(self.hook, lock, self.names.name_of(lock))

    def shared_turn(self, lock: str) -> SharedTurn | None:
        """Return the turn of the shared lock that a begun operation has, None without one."""
        if lock not in self._shared or lock not in self.turns:
            return None
        from ._guard import shared_turn

        return shared_turn(self.hook, lock, self.names.name_of(lock))

    def request(self, lock: str, said: dict[str, str]) -> int:
        """Request a turn that comes in a later hook; return the number of the request."""
        number = self.hook.request(lock, json.dumps(said, sort_keys=True))
        self.names.learn(lock, said.get('name'))
        return number

    def said(self, lock: str) -> dict[str, str]:
        """Return the details of this unit's request for a lock."""
        return said_in(self.hook.asked(lock))

    def fail(
        self, lock: str, reason: str, on_failure: str = 'retry', *, back_off: int = 0
    ) -> None:
        """End an operation as failed; what the unit does then is one of `ON_FAILURE`.

        Args:
            lock: The lock's name in the line.
            reason: Why it has failed.
            on_failure: What the unit does then.
            back_off: For how many milliseconds not to try again, doubled for each further failure.
        """
        if self.turns.pop(lock, None) is not None:
            self.hook.fail(lock, reason, on_failure, back_off)
            self.tell()

    def wake(self, lock: str, seconds: int) -> None:
        """Let another dispatch of this unit come after a while."""
        try:
            self.hook.wake_later(1000 * seconds)
        except CoordinatorError as error:
            name = self.names.name_of(lock)
            logger.warning('%s waits for the next update-status: %s', name, error)

    def locks(self) -> dict[str, LockStatus]:
        """Return where all requests stand, lock by lock."""
        status = self.hook.status()
        for warning in status.warnings:
            self._warn(warning)
        return status.locks

    # -- where it runs

    @property
    def is_only(self) -> bool:
        """Whether the charm's coordinators use no other peer relation."""
        return len(self._endpoints) == 1

    @property
    def restricted(self) -> bool:
        """Whether most hook tools do not work in this hook."""
        return os.path.basename(os.environ.get('JUJU_DISPATCH_PATH', '')) in RESTRICTED

    @property
    def state(self) -> Path:
        """The directory of this unit's state for this relation."""
        return self.charm.charm_dir / STATE / self.endpoint

    @property
    def relation(self) -> ops.Relation | None:
        """The peer relation, None if it does not exist."""
        return peer_relation(self.charm, self.endpoint)

    def own_record(self) -> str | None:
        """Return this unit's record from its databag."""
        return self.relation.data[self.charm.unit].get(KEY) if self.relation else None

    # -- its memory: what is known of deferred events is stored with them, in the framework's
    # state, so that the two always agree. Nothing is stored without need.

    def recall(self, key: str) -> Any:
        """Return the value stored under a key, None if there is none."""
        text: str | None = getattr(self._stored, key, None)
        return None if text is None else json.loads(text)

    def remember(self, key: str, value: Any) -> None:
        """Store a value for later dispatches; None removes it."""
        text = None if value is None else json.dumps(value, sort_keys=True)
        if getattr(self._stored, key, None) != text:
            setattr(self._stored, key, text)

    def _open(self) -> Hook:
        unit = self.charm.unit.name
        juju = 'JUJU_CONTEXT_ID' in os.environ
        return Hook(
            Model(self.charm, self.endpoint),
            state=str(self.charm.charm_dir / STATE),
            endpoint=self.endpoint,
            # Outside Juju, in a test, nothing may be started that outlives it.
            waker=[sys.executable, '-m', 'ops_coordinator._wake', unit] if juju else [],
            from_process_start=juju,
            unit=unit,
            context=f'{unit}-{self.restarts.context}',
            charm_dir=str(self.charm.charm_dir),
            peers=sorted(self.charm.meta.peers),
            ahead=machine().ahead,
            deputy=_etcd_command if juju else None,
        )

    def _warn(self, warning: str) -> None:
        if warning not in self._warned:
            self._warned.add(warning)
            logger.warning('%s', warning)


def _etcd_command() -> str:
    from ._etcd_command import etcd_command

    return etcd_command()
