"""The units of an application, as far as a test needs them: what is in their databags."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
from collections.abc import Callable, Collection, Generator
from pathlib import Path
from typing import Any

from .._endpoint import KEY
from .._native import Hook, LockStatus
from .._policy import Policy

_context = itertools.count(1)


def number_of(unit: str) -> int:
    """Return a unit's number, given its name."""
    return int(unit.rpartition('/')[2])


class Application:
    """The units of an application on one peer relation, each visited by the code of a real hook.

    Args:
        name: The application's name.
        relation: The peer relation's id, such as `coordinator:1`.
        line: The line in the application's databag, None if there is none.
        records: The record in each unit's databag, by the unit's number; None if there is none.
        limit: How many units may be inside the lock at once.
        disk: A directory for the units' state.
    """

    def __init__(
        self,
        name: str,
        relation: str,
        *,
        line: str | None,
        records: dict[int, str | None],
        limit: int,
        disk: Path,
    ):
        self.line, self.records = line, records
        self.asked: set[int] = set()
        """The units that have asked for a turn here."""
        self.relation = relation
        self._name, self._limit, self._disk = name, limit, disk
        self.unavailable = {
            unit: why for unit, record in records.items() if (why := _unavailable(record))
        }
        """Why units are unavailable, by the unit's number."""

    def visit(
        self,
        unit: int,
        lock: str,
        act: Callable[[Hook], object] | None = None,
        *,
        leads: bool = False,
        hidden: Collection[int] = (),
        first: Collection[int] = (),
    ) -> None:
        """Run one hook of a unit, which does something and publishes.

        Args:
            unit: The unit's number.
            lock: The lock that the leader keeps, with this application's limit.
            act: What the hook does.
            leads: Whether the unit leads, and so keeps the line.
            hidden: The units whose databags look empty to it.
            first: The units that join the line before all others, in this order.
        """
        with self._hook(unit, leads=leads, hidden=hidden) as hook:
            if unit in self.unavailable:
                # A unit that does not tell it again is available.
                hook.ask_availability(lambda: self.unavailable[unit])
            if act is not None:
                act(hook)
            order = [self.unit(number) for number in first] or 'first-come'
            hook.release({lock: Policy(limit=self._limit, order=order).rules}, None, [])

    def ask(self, unit: int, lock: str) -> None:
        """Make a unit ask for a turn, unless one of its requests is waiting already."""
        self.records.setdefault(unit, None)
        asked, finished, _, _ = self.counters(unit, lock)
        if asked == finished:
            self.visit(unit, lock, lambda hook: hook.request(lock, None))
            self.asked.add(unit)

    def look(self, unit: int, lock: str) -> LockStatus | None:
        """Return where all requests for a lock stand, as a unit sees it; None without any."""
        with self._hook(unit) as hook:
            return hook.status().locks.get(lock)

    def counters(self, unit: int, lock: str) -> tuple[int, int, str | None, str | None]:
        """Return a unit's newest request, its newest finished one, how that ended, and why."""
        with self._hook(unit) as hook:
            return hook.counters(lock)

    def waits_for(self, unit: int, lock: str) -> str | None:
        """Return what a unit's request waits for, in words; None if its turn has come."""
        with self._hook(unit) as hook:
            return hook.start(lock)[1]

    def unit(self, number: int) -> str:
        """Return a unit's name."""
        return f'{self._name}/{number}'

    def edit_line(self, lock: str, edit: Callable[[dict[str, Any]], object]) -> None:
        """Change what the line says about a lock, if it says anything."""
        line = json.loads(self.line or '{}')
        if lock in line.get('locks', {}):
            edit(line['locks'][lock])
            self.line = json.dumps(line)

    @contextlib.contextmanager
    def _hook(
        self, unit: int, *, leads: bool = False, hidden: Collection[int] = ()
    ) -> Generator[Hook, None, None]:
        disk = self._disk / str(unit)
        disk.mkdir(exist_ok=True)
        endpoint = self.relation.partition(':')[0]
        with _without_juju():
            yield Hook(
                _Tools(self, unit, leads=leads, hidden=hidden),
                state=str(disk),
                endpoint=endpoint,
                waker=[],
                from_process_start=False,
                unit=self.unit(unit),
                context=f'testing-{next(_context)}',
                charm_dir=str(disk),
                peers=[endpoint],
            )


class _Tools:
    """Answers a unit's hook tools from the databags."""

    def __init__(
        self, application: Application, unit: int, *, leads: bool, hidden: Collection[int]
    ):
        self._application, self._unit = application, unit
        self._leads, self._hidden = leads, hidden

    def __call__(self, tool: str, args: list[str], stdin: str | None) -> tuple[int, str, str]:
        return 0, json.dumps(self._answer(tool, args, stdin)), ''

    def _answer(self, tool: str, args: list[str], stdin: str | None) -> Any:
        application = self._application
        units = [application.unit(number) for number in sorted(application.records)]
        own = application.unit(self._unit)
        if tool == 'is-leader':
            return self._leads
        if tool == 'relation-ids':
            return [application.relation]
        if tool == 'relation-list':
            return [unit for unit in units if unit != own]
        if tool == 'goal-state':
            living: dict[str, dict[str, str]] = {unit: {} for unit in units}
            return {'units': living}
        if tool == 'relation-get':
            return application.line if '--app' in args else self._record(args[-1])
        if tool == 'relation-set':
            value = json.loads(stdin or '{}')[KEY]
            if '--app' in args:
                application.line = value
            else:
                application.records[self._unit] = value
            return None
        raise OSError(f'{tool} is not supported here')

    def _record(self, unit: str) -> str | None:
        number = number_of(unit)
        return None if number in self._hidden else self._application.records.get(number)


def _unavailable(record: str | None) -> str | None:
    """Return why a unit is unavailable, by its record; None if it is not, or says nothing."""
    try:
        return json.loads(record or '{}').get('unavailable')
    except (ValueError, AttributeError):
        return None


@contextlib.contextmanager
def _without_juju() -> Generator[None, None, None]:
    """Hide the variables of a hook that the test is in from the hooks of other units."""
    kept = {name: value for name, value in os.environ.items() if name.startswith('JUJU_')}
    for name in kept:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(kept)
