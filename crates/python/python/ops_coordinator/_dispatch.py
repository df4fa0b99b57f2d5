"""One dispatch of the charm, as all coordinators on one peer relation share it."""

from __future__ import annotations

import json
import logging
import os
import sys
import uuid
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ops

from ._model import Model
from ._native import Hook

if TYPE_CHECKING:
    from ._coordinator import BaseCoordinator
    from ._event import RestartEvent

logger = logging.getLogger(__name__)

STATE = '.ops-coordinator'
"""Where a unit keeps its state, in the charm's directory."""

KEY = 'ops-coordinator'
"""The key of a databag under which the coordination is."""

RESTRICTED = ('collect-metrics', 'meter-status-changed')
"""Hooks in which Juju answers next to nothing."""


class Turn:
    """An operation that this dispatch has begun."""

    def __init__(self, emitted: int):
        self.emitted = emitted
        """How many restarts had been asked for when it began; later ones are not part of it."""
        self.restarted: set[tuple[str, str]] = set()
        """What was restarted, as (container, service)."""
        self.events: list[RestartEvent] = []
        """The events that it serves."""
        self.again: list[RestartEvent] = []
        """Those of them that were deferred by an earlier dispatch."""
        self.kept: str | None = None
        """Why the unit keeps the turn beyond this dispatch."""


class Dispatch(ops.Object):
    """One dispatch of the charm: what it read of the line, and what it writes at its end."""

    _stored = ops.StoredState()

    def __init__(self, charm: ops.CharmBase, endpoint: str):
        super().__init__(charm, f'ops-coordinator-{endpoint}')
        self.charm = charm
        self.endpoint = endpoint
        self.coordinators: list[BaseCoordinator] = []
        self.turns: dict[str, Turn] = {}
        self._hook: Hook | None = None
        self._at_end: list[Callable[[], None]] = []
        self.framework.observe(self.framework.on.pre_commit, self._on_pre_commit)

    @property
    def hook(self) -> Hook:
        """The hook; the first look asks whether this unit leads, and reads the line."""
        if self._hook is None:
            self._hook = self._open()
            for coordinator in self.coordinators:
                coordinator.take_over(self._hook)
        return self._hook

    def start(self, lock: str) -> tuple[bool, str | None]:
        """Begin the operation if it is our turn.

        Gives whether it has begun, and else what the request waits for, None where there is none.
        """
        if lock in self.turns:
            return True, None
        started, waits_for = self.hook.start(lock)
        if started:
            self.turns[lock] = Turn(self.restarts_emitted)
        return started, waits_for

    def fail(self, lock: str, reason: str) -> None:
        """End an operation as one that failed; the unit keeps its place."""
        if self.turns.pop(lock, None) is not None:
            self.hook.finish(lock, reason)

    @property
    def state(self) -> Path:
        """The directory of the unit's state."""
        return self.charm.charm_dir / STATE

    @property
    def restarts_emitted(self) -> int:
        """How many restarts this dispatch has asked for."""
        return int(getattr(self.charm.on, 'restarts_emitted', 0))

    @property
    def emission(self) -> int:
        """Which of them is being delivered; 0 for an event of an earlier dispatch."""
        return int(getattr(self.charm.on, 'emission', 0))

    def at_end(self, action: Callable[[], None]) -> None:
        """Have something done at the end of this dispatch, once, if it does not fail."""
        self._at_end.append(action)

    def own_record(self) -> str | None:
        """Give this unit's record as its databag has it."""
        relations = self.charm.model.relations[self.endpoint]
        return relations[0].data[self.charm.unit].get(KEY) if relations else None

    # What outlives the dispatch together with the framework's own state: deferred events and what
    # is known of them must never be of two minds. Nothing is stored without need.

    def recall(self, key: str) -> Any:
        """Give what was remembered under a key, None where nothing is."""
        text: str | None = getattr(self._stored, key, None)
        return None if text is None else json.loads(text)

    def remember(self, key: str, value: Any) -> None:
        """Keep a value for later dispatches; None forgets it."""
        text = None if value is None else json.dumps(value, sort_keys=True)
        if getattr(self._stored, key, None) != text:
            setattr(self._stored, key, text)

    def _open(self) -> Hook:
        variables = os.environ
        unit = self.charm.unit.name
        context = variables.get('JUJU_CONTEXT_ID')
        charm_dir = str(self.charm.charm_dir)
        relation = variables.get('JUJU_RELATION')
        number = variables.get('JUJU_RELATION_ID', '').rpartition(':')[2]
        # Outside Juju, in a test, nothing may be started that outlives it.
        waker = [sys.executable, '-m', 'ops_coordinator._wake', unit] if context else []
        return Hook(
            Model(self.charm, self.endpoint),
            unit=unit,
            context=context or f'{unit}-{uuid.uuid4().hex}',
            charm_dir=charm_dir,
            state=str(self.state),
            endpoint=self.endpoint,
            waker=waker,
            relation=f'{relation}:{number}' if relation and number else None,
            remote_unit=variables.get('JUJU_REMOTE_UNIT') or None,
            departing_unit=variables.get('JUJU_DEPARTING_UNIT') or None,
            zone=variables.get('JUJU_AVAILABILITY_ZONE') or None,
            peers=sorted(self.charm.meta.peers),
            from_process_start=context is not None,
        )

    def _on_pre_commit(self, _: ops.EventBase) -> None:
        if os.path.basename(os.environ.get('JUJU_DISPATCH_PATH', '')) in RESTRICTED:
            return
        deliver: Callable[[], None] | None = getattr(self.charm.on, 'deliver_restarts', None)
        if deliver is not None:
            deliver()
        hook = self.hook
        for lock, turn in sorted(self.turns.items()):
            self._end(hook, lock, turn)
        self.turns.clear()
        for coordinator in self.coordinators:
            coordinator.before_release(hook)
        self._release(hook)
        if hook.is_leader:
            self._tell_releases(hook)
        for action in self._at_end:
            action()
        self._at_end.clear()
        for warning in hook.take_warnings():
            logger.warning('%s', warning)
        # Whatever still comes, as in a test that goes on with the same charm, is another dispatch.
        self._hook = None

    def _end(self, hook: Hook, lock: str, turn: Turn) -> None:
        for coordinator in self.coordinators:
            coordinator.turn_ends(lock, turn)
        hook.finish(lock, turn.kept)

    def _release(self, hook: Hook) -> None:
        limits: dict[str, int] = {}
        for coordinator in self.coordinators:
            limits.update(coordinator.limits)
        if not hook.is_leader:
            hook.release(limits, None, [])
            return
        # Nothing joins the line of a lock that a unit holds by a grant of the original library.
        held = {lock for c in self.coordinators for lock in c.held_elsewhere()}
        judged: dict[str, BaseCoordinator] = {}
        inside: dict[str, set[str]] = {}
        if any(coordinator.has_policy for coordinator in self.coordinators):
            inside = self.inside()
            for lock in inside:
                judges = [c for c in self.coordinators if c.decides(lock)]
                if judges and lock not in held:
                    judged[lock] = judges[0]

        def grant(lock: str, queue: list[str]) -> list[str]:
            judge = judged.get(lock)
            return [] if judge is None else judge.granted_now(lock, inside[lock], queue)

        hook.release(limits, grant, sorted(held | judged.keys()))

    def _tell_releases(self, hook: Hook) -> None:
        listeners = [c for c in self.coordinators if c.hears_releases]
        if not listeners:
            return
        locks = json.loads(hook.status())['locks']
        now = {
            f'{lock} {unit["unit"]}': unit['done']
            for lock, state in locks.items()
            for unit in state['units']
        }
        # A unit that is new to the leader counts from here on; one whose first turn it is, from 0.
        before = self.recall('done')
        for name, done in now.items():
            if before is not None and done > before.get(name, 0):
                lock, unit = name.split()
                for coordinator in listeners:
                    at = datetime.now(timezone.utc).replace(tzinfo=None)
                    coordinator.released(unit, lock, at)
        self.remember('done', now)

    def inside(self) -> dict[str, set[str]]:
        """For each lock the units whose turn was granted and has not ended."""
        locks = json.loads(self.hook.status())['locks']
        return {
            lock: {unit['unit'] for unit in state['units'] if unit['position'] is not None}
            for lock, state in locks.items()
        }
