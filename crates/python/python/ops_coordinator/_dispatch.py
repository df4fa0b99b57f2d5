"""One dispatch of the charm, shared by all coordinators on one peer relation."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ops

from ._asked import Asked
from ._claims import Claims
from ._endpoint import KEY, STATE, remember_endpoint
from ._machine import machine
from ._model import Model
from ._native import Hook
from ._part import TIME, said_of
from ._policies import Policies
from ._restarts import restarts_of

if TYPE_CHECKING:
    from ._native import LockStatus
    from ._part import Part

logger = logging.getLogger(__name__)

RESTRICTED = ('collect-metrics', 'meter-status-changed')
"""Hooks in which most hook tools do not work, and `ops` delivers no deferred events."""


_OWNERS = '_ops_coordinator_owners'
_DISPATCHES = '_ops_coordinator_dispatches'


def dispatches_of(framework: ops.Framework) -> dict[str, Dispatch]:
    """Return the dispatch on each peer relation that the charm's coordinators use."""
    return framework.__dict__.setdefault(_DISPATCHES, {})


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
    """One dispatch of the charm: what it read of the line, and what it writes at its end."""

    _stored = ops.StoredState()

    def __init__(self, charm: ops.CharmBase, endpoint: str):
        super().__init__(charm, f'ops-coordinator-{endpoint}')
        self.charm = charm
        self.endpoint = endpoint
        self.is_usual = False
        """Whether a coordinator uses this relation without naming it."""
        self.parts: list[Part] = []
        self.turns: dict[str, Turn] = {}
        self.restarts = restarts_of(charm.framework)
        self.asked = Asked(self)
        self._claims = Claims(self)
        self._policies = Policies(self)
        self._owners: dict[str, Part] = charm.framework.__dict__.setdefault(_OWNERS, {})
        self._names: dict[str, str] = {}
        self._hook: Hook | None = None
        self._at_end: list[Callable[[], None]] = []
        self._warned: set[str] = set()
        self.framework.observe(self.framework.on.pre_commit, self._on_pre_commit)

    def join(self, part: Part) -> None:
        """Add another coordinator."""
        self.parts.append(part)
        if self._hook is not None:
            part.take_over(self._hook)

    def claim(self, lock: str, name: str, part: Part) -> Part:
        """Return the owner of a lock: the coordinator that was the first to claim it.

        That holds for all of a charm's peer relations: a lock that is asked for on another one has
        moved there.
        """
        known = self._names.get(lock, lock)
        if known not in (lock, name):
            raise ValueError(f'the locks {known!r} and {name!r} are too similar: rename one')
        self._names[lock] = name
        return self._owners.setdefault(lock, part)

    def owner(self, lock: str) -> Part | None:
        """Return the coordinator on this relation that has claimed a lock in this dispatch."""
        owner = self._owners.get(lock)
        return owner if owner in self.parts else None

    def name_of(self, lock: str) -> str:
        """Return what the charm calls a lock."""
        return self._names.get(lock, lock)

    def learn_name(self, lock: str, name: str | None) -> None:
        """Note what a charm calls a lock, if it says so."""
        if name:
            self._names.setdefault(lock, name)

    @property
    def hook(self) -> Hook:
        """The hook; the first use asks whether this unit leads, and reads the line."""
        if self._hook is None:
            self._hook = self._open()
            for part in self.parts:
                part.take_over(self._hook)
        return self._hook

    def outstanding(self) -> dict[str, int]:
        """Return which of this unit's requests are served next, by lock."""
        used = dispatches_of(self.charm.framework)
        # What an earlier revision has asked for on another relation is this one's, where it is the
        # only one.
        elders = [name for name in self.charm.meta.peers if name not in used and len(used) == 1]
        return self.hook.outstanding(elders)

    def start(self, lock: str) -> tuple[bool, str | None]:
        """Begin the operation if it is our turn.

        Returns whether it has begun, and else what the request waits for, if there is one.
        """
        if lock in self.turns:
            return True, None
        started, waits_for = self.hook.start(lock)
        if started:
            _, done, _, _ = self.hook.counters(lock)
            self.turns[lock] = Turn(done + 1, self.restarts.emitted)
        return started, waits_for

    def request(self, lock: str, said: dict[str, str]) -> int:
        """Request a turn that comes in a later hook; return the number of the request."""
        number = self.hook.request(lock, json.dumps(said, sort_keys=True))
        self.learn_name(lock, said.get('name'))
        owner = next((part for part in self.parts if part.name == said.get('by')), None)
        if owner is None or owner.tells_of(lock):
            self.asked.note(lock, said)
        return number

    def said(self, lock: str) -> dict[str, str]:
        """Return the details of this unit's request for a lock."""
        return said_of(self.hook.asked(lock))

    def asked_at(self, lock: str) -> str | None:
        """Return when this unit requested a lock, None if it has not."""
        return self.said(lock).get('at')

    def now(self) -> str:
        """Return the time as the original library writes it."""
        return datetime.now(timezone.utc).strftime(TIME)

    def note_interest(self, lock: str) -> None:
        """Note that the charm's code has asked for a lock, or whether it has it."""
        self._claims.note(lock)

    def fail(self, lock: str, reason: str) -> None:
        """End an operation as failed; the unit keeps its place."""
        if self.turns.pop(lock, None) is not None:
            self.hook.finish(lock, reason)

    def locks(self) -> dict[str, LockStatus]:
        """Return where all requests stand, lock by lock."""
        status = self.hook.status()
        for warning in status.warnings:
            self._warn(warning)
        return status.locks

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
        relations = self.charm.model.relations[self.endpoint]
        return relations[0] if relations else None

    def at_end(self, action: Callable[[], None]) -> None:
        """Call something once at the end of this dispatch, unless the dispatch fails."""
        self._at_end.append(action)

    def own_record(self) -> str | None:
        """Return this unit's record from its databag."""
        return self.relation.data[self.charm.unit].get(KEY) if self.relation else None

    # What outlives the dispatch together with the framework's own state: deferred events and what
    # is known of them must never be of two minds. Nothing is stored without need.

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
        )

    def _on_pre_commit(self, _: ops.EventBase) -> None:
        if self.restricted:
            return
        hook = self.hook
        for lock, turn in sorted(self.turns.items()):
            self._end(hook, lock, turn)
        self.turns.clear()
        for part in self.parts:
            part.before_release(hook)
        self._claims.judge(hook)
        self.asked.publish()
        self._policies.release(hook)
        for action in self._at_end:
            action()
        self._at_end.clear()
        if self.is_usual or len(dispatches_of(self.charm.framework)) == 1:
            remember_endpoint(self.charm, self.endpoint)
        for warning in hook.take_warnings():
            self._warn(warning)
        self._warned.clear()
        # Whatever still comes, as in a test that goes on with the same charm, is another dispatch.
        self._hook = None

    def _warn(self, warning: str) -> None:
        if warning not in self._warned:
            self._warned.add(warning)
            logger.warning('%s', warning)

    def _end(self, hook: Hook, lock: str, turn: Turn) -> None:
        for part in self.parts:
            part.turn_ends(lock, turn)
        if turn.kept is None:
            hook.finish_through(lock, turn.through)
        else:
            hook.finish(lock, turn.kept)
        if turn.held:
            self._claims.hold(lock, turn.number)
