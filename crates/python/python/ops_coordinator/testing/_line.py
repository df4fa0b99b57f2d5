"""The line of a lock, as the unit under test finds it and as it leaves it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import tempfile
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

from ops import testing

from .._asked import ASKED, time_now
from .._coordinator import BaseCoordinator
from .._endpoint import KEY, refuse_to_choose, usual_endpoint
from .._error import brief
from .._lock_name import lock_key
from .._native import Hook
from .._policy import checked_number
from ._application import Application, number_of
from ._restart import Restart, restarts

Place: TypeAlias = Literal['turn', 'in-line', 'requested', 'idle']
"""Where a unit's request stands: its turn has come; it waits in the line; the leader has not put
it in the line yet; there is no request."""


@dataclasses.dataclass(frozen=True)
class Standing:
    """Where the request of the unit under test stands, according to the databags."""

    place: Place
    """Where the request stands."""
    ahead: tuple[int, ...]
    """The units that must finish first, by number; empty if the request is not in the line."""
    line: tuple[int, ...]
    """The units in the line that have not finished, by number, from the front."""
    paused: str | None
    """Why nothing starts, if the lock is paused."""
    requests: int
    """How many times the unit has asked for a turn."""
    finished: int
    """How many of these requests have ended."""
    outcome: str | None
    """How the last turn, or attempt, ended: done, failed, withdrawn, cancelled or skipped; None
    before the first."""
    why: str | None
    """The reason, if there is one; at most 120 characters of it are published."""
    restarts: tuple[Restart, ...]
    """The restarts that wait for this lock."""
    unavailable: str | None
    """Why the unit is unavailable, if it has told the others that it is."""


class Line:
    """The line of a lock on a charm's peer relation.

    Each method takes a `State`, for example one that `Context.run` returned, and returns another
    in which the other units have published what the situation needs. The unit's own request, what
    it deferred and the rest of the state stay as they are. If the unit has not asked for a turn
    yet, it has in the returned state (`asked_by` alone leaves its data as it is). A peer relation
    and other units are added if needed.

    Args:
        context: The test's context: it says which unit is under test.
        lock: The lock. Restarts use `restart`, see `OpsCoordinator.lock`.
        relation: The peer relation. Defaults to `coordinator`, then the charm's only one.
        limit: The charm's limit for the lock.
        coordinator: The class of the coordinator whose lock it is. A policy needs it if the
            charm has several: each decides for its own locks, and units publish whose they use.

    Raises:
        PeerRelationError: The charm declares no such peer relation, or it is not clear which one
            to use.
        TypeError: The limit is not a whole number, or the lock's name is not text.
        ValueError: The limit is not from 1 to 100, or the lock's name is empty.
    """

    def __init__(
        self,
        context: testing.Context[Any],
        lock: str = 'restart',
        *,
        relation: str | None = None,
        limit: int = 1,
        coordinator: type[BaseCoordinator] | None = None,
    ):
        # Which of these are public depends on the version of ops.testing.
        about = vars(context)
        meta: dict[str, Any] = (about.get('_charm_spec') or about['charm_spec']).meta
        self._app: str = about.get('app_name') or about.get('_app_name') or meta['name']
        self._unit: int = about.get('unit_id') or about.get('_unit_id') or 0
        declared = sorted(cast('dict[str, object]', meta.get('peers') or {}))
        self._endpoint = usual_endpoint(declared, relation) or refuse_to_choose(declared)
        self._name, self._lock = lock, lock_key(lock)
        self._limit = checked_number(limit)
        self._coordinator = coordinator

    # -- situations

    def our_turn(self, state: testing.State) -> testing.State:
        """Let the unit's turn come: those ahead finish, and a pause ends.

        Other units that were unavailable are available again.

        Args:
            state: The state before.

        Returns:
            The same state, in which it is the unit's turn.

        Raises:
            ValueError: Its turn cannot come, for example because the line cannot be read.
        """
        with self._application(state) as (application, give):
            self._come_to_our_turn(application, state)
            return give()

    def behind(self, state: testing.State, *units: int) -> testing.State:
        """Put other units ahead, so that it is not the unit's turn.

        They are in the line in this order, with our unit behind them. If it already had a place
        in the line, it loses that place.

        Args:
            state: The state before.
            units: The numbers of the units ahead; any other unit if none is given.

        Returns:
            The same state, in which the unit waits for those ahead.

        Raises:
            ValueError: Our unit is among them, one is named twice, or there are fewer of them than
                the limit, so that nobody has to wait for them.
        """
        with self._application(state) as (application, give):
            self._get_behind(application, units)
            return give()

    def stopped(
        self, state: testing.State, by: int | None = None, *, why: str = 'it failed'
    ) -> testing.State:
        """Stop the roll: the unit ahead fails, and keeps its place.

        Args:
            state: The state before.
            by: The number of the unit that fails; any other unit if none is given.
            why: Why it fails; it publishes the first 120 characters.

        Returns:
            The same state, in which the unit waits for the one that has failed.

        Raises:
            ValueError: It is our own unit, or the limit is more than one, so that one unit that
                fails stops nobody.
        """

        def fail(hook: Hook) -> None:
            hook.start(self._lock)
            hook.finish(self._lock, why)

        with self._application(state) as (application, give):
            (ahead,) = self._get_behind(application, () if by is None else (by,))
            application.visit(ahead, self._lock, fail)
            return give()

    def paused(self, state: testing.State, why: str) -> testing.State:
        """Pause the lock just when it is the unit's turn; `our_turn` ends the pause.

        Args:
            state: The state before.
            why: Why it is paused.

        Returns:
            The same state, in which nothing starts.

        Raises:
            ValueError: Its turn cannot come even without the pause.
        """
        with self._application(state) as (application, give):
            self._come_to_our_turn(application, state)
            application.edit_line(self._lock, lambda lock: lock.update(paused=why))
            return give()

    def unavailable(
        self, state: testing.State, *units: int, why: str = 'it is out of order'
    ) -> testing.State:
        """Let other units be unavailable, for a charm with `max_unavailable`.

        Nobody is in the line, and our unit has asked; `our_turn` makes the others available again.

        Args:
            state: The state before.
            units: The numbers of these units; any other unit if none is given.
            why: Why they are unavailable; they publish the first 120 characters.

        Returns:
            The same state, in which they have told that they are unavailable.

        Raises:
            ValueError: Our unit is among them, or one is named twice.
        """
        with self._application(state) as (application, give):
            application.edit_line(self._lock, lambda lock: lock.clear())
            for unit in self._others(application, units or (self._any_other(application),)):
                application.records.setdefault(unit, None)
                application.unavailable[unit] = why
                application.visit(unit, self._lock)
            application.ask(self._unit, self._lock)
            return give()

    def cancelled(self, state: testing.State) -> testing.State:
        """Let an operator cancel the unit's request.

        Args:
            state: The state before.

        Returns:
            The same state, in which the unit finds its request cancelled.
        """

        def cancel(hook: Hook) -> None:
            hook.cancel(self._lock, application.unit(self._unit), False)

        with self._application(state) as (application, give):
            application.ask(self._unit, self._lock)
            application.visit(self._leader(application, state), self._lock, cancel, leads=True)
            return give()

    def asked_by(self, state: testing.State, *units: int) -> testing.State:
        """Let other units ask for a turn, for tests of what the leader does about it.

        Args:
            state: The state before.
            units: The numbers of the units that ask.

        Returns:
            The same state, in which they have asked and are not in the line yet. Our own unit's
            data does not change.

        Raises:
            ValueError: Our unit is among them, or no unit is given.
        """
        with self._application(state) as (application, give):
            for unit in self._others(application, units):
                application.ask(unit, self._lock)
            return give()

    # -- a look

    def look(self, state: testing.State) -> Standing:
        """Look at where the unit's request stands; this changes nothing.

        Args:
            state: Any state; usually what `Context.run` returned.

        Returns:
            What the databags in the state say, and the restarts that wait.
        """
        with self._application(state) as (application, _):
            found = application.look(self._unit, self._lock)
            asked, finished, outcome, why = application.counters(self._unit, self._lock)
        units = {number_of(unit.unit): unit for unit in found.units} if found else {}
        own = units.get(self._unit)
        return Standing(
            # A unit can always read its own databag, or writes it anew.
            place=cast('Place', own.place) if own else 'idle',
            ahead=tuple(number_of(unit) for unit in own.waits_for) if own else (),
            line=tuple(unit for unit, said in units.items() if said.position is not None),
            paused=found.paused if found else None,
            requests=asked,
            finished=finished,
            outcome=outcome,
            why=why,
            restarts=tuple(one for one in restarts(state) if one.lock == self._lock),
            unavailable=application.unavailable.get(self._unit),
        )

    # -- what the units do

    def _come_to_our_turn(self, application: Application, state: testing.State) -> None:
        application.edit_line(self._lock, lambda lock: lock.pop('paused', None))
        for unit in set(application.unavailable) - {self._unit}:
            del application.unavailable[unit]
            application.visit(unit, self._lock)
        application.ask(self._unit, self._lock)
        while True:
            application.visit(self._leader(application, state), self._lock, leads=True)
            found = application.look(self._unit, self._lock)
            units = found.units if found else []
            begins = [number_of(unit.unit) for unit in units if unit.place == 'turn']
            if self._unit in begins:
                return
            if not begins:
                waits_for = application.waits_for(self._unit, self._lock)
                raise ValueError(f'the turn of unit {self._unit} cannot come: {waits_for}')
            for unit in begins:
                application.visit(unit, self._lock, self._finish)

    def _get_behind(self, application: Application, units: tuple[int, ...]) -> tuple[int, ...]:
        ahead = self._others(application, units or (self._any_other(application),))
        if len(ahead) < self._limit:
            raise ValueError(
                f'with a limit of {self._limit} nobody waits for {len(ahead)}: name '
                f'{self._limit} units or more'
            )
        application.edit_line(self._lock, lambda lock: lock.clear())
        # They join the line in this order, and nobody else has asked.
        joining = (*ahead, self._unit)
        for unit in joining:
            application.ask(unit, self._lock)
        hidden = set(application.records) - set(joining)
        application.visit(ahead[0], self._lock, leads=True, hidden=hidden, first=joining)
        return ahead

    def _finish(self, hook: Hook) -> None:
        started, waits_for = hook.start(self._lock)
        if not started:
            raise ValueError(f'a unit that is ahead cannot finish: {waits_for}')
        hook.finish(self._lock, None)

    # -- who is there

    def _leader(self, application: Application, state: testing.State) -> int:
        return self._unit if state.leader else self._any_other(application)

    def _any_other(self, application: Application) -> int:
        others = sorted(set(application.records) - {self._unit})
        other = others[0] if others else int(self._unit == 0)
        application.records.setdefault(other, None)
        return other

    def _others(self, application: Application, units: tuple[int, ...]) -> tuple[int, ...]:
        if not units or self._unit in units or len(set(units)) < len(units):
            raise ValueError(
                f'{brief(units)} must be the numbers of other units than {self._unit}, each once'
            )
        return units

    @contextlib.contextmanager
    def _application(
        self, state: testing.State
    ) -> Generator[tuple[Application, Callable[[], testing.State]], None, None]:
        """Yield the units of a state, and a function that returns the state with their changes."""
        relation = self._relation_of(state)
        bags = {**relation.peers_data, self._unit: relation.local_unit_data}
        with tempfile.TemporaryDirectory(prefix='ops-coordinator-') as disk:
            application = Application(
                self._app,
                f'{relation.endpoint}:{relation.id}',
                line=relation.local_app_data.get(KEY),
                records={int(unit): bag.get(KEY) for unit, bag in bags.items()},
                limit=self._limit,
                disk=Path(disk),
            )
            yield application, lambda: self._state(state, relation, application)

    def _relation_of(self, state: testing.State) -> testing.PeerRelation:
        found = state.get_relations(self._endpoint)
        peers = [one for one in found if isinstance(one, testing.PeerRelation)]
        return min(peers, key=lambda one: one.id, default=testing.PeerRelation(self._endpoint))

    def _state(
        self, state: testing.State, relation: testing.PeerRelation, application: Application
    ) -> testing.State:
        def bag(unit: int, data: Mapping[str, str]) -> dict[str, str]:
            said = self._said(data) if unit in application.asked else {}
            return {**data, **said, **_value(application.records[unit])}

        peers = {
            unit: bag(unit, relation.peers_data.get(unit, {}))
            for unit in application.records
            if unit != self._unit
        }
        changed = dataclasses.replace(
            relation,
            local_app_data={**relation.local_app_data, **_value(application.line)},
            local_unit_data=bag(self._unit, relation.local_unit_data),
            peers_data=peers,
        )
        others = [one for one in state.relations if one.id != relation.id]
        return dataclasses.replace(
            state,
            relations=[*others, changed],
            planned_units=max(state.planned_units, len(application.records)),
        )

    def _said(self, data: Mapping[str, str]) -> dict[str, str]:
        """Return what a unit says of its request to the policy of its coordinator."""
        if self._coordinator is None:
            return {}
        about = {'at': time_now(), 'by': self._coordinator.__name__, 'name': self._name}
        known = json.loads(data.get(ASKED, '{}'))
        return {ASKED: json.dumps({**known, self._lock: about}, sort_keys=True)}


def _value(value: str | None) -> dict[str, str]:
    return {} if value is None else {KEY: value}
