"""The leader's side: the owners of locks, the limits, and who is let in."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

from ._dispatch import Dispatch
from ._native import Hook
from ._part import Part

logger = logging.getLogger(__name__)

_DONE = 'done'


class Policies:
    """Limits and policies, each for its own coordinator's locks.

    The owner of a lock is known from the coordinator that uses it here, or from the unit that
    requests it. If neither tells, as with a request of an older version, the owner is the charm's
    only coordinator; with several coordinators, one unit at a time is let in.
    """

    def __init__(self, dispatch: Dispatch, parts: Sequence[Part]):
        self._dispatch, self._parts = dispatch, parts
        self._name_of = dispatch.names.name_of

    def release(self, hook: Hook) -> None:
        """End the leader's hook: publish, and maintain the line."""
        parts = self._parts
        rules = {lock: own for part in parts for lock, own in part.rules.items()}
        # Nothing joins the line of a lock that a unit holds by a grant of the original library.
        held = {lock for part in parts for lock in part.held_elsewhere()}
        judges: dict[str, Part] = {}
        inside: dict[str, set[str]] = {}
        if any(part.decides for part in parts):
            inside = self.inside()
            owners = self.owners(inside)
            for lock, owner in owners.items():
                rules.setdefault(lock, owner.declared(self._name_of(lock)).rules)
                if lock not in held and owner.policy(self._name_of(lock)) is not None:
                    judges[lock] = owner

        def grant(lock: str, queue: list[str]) -> list[str]:
            if lock in held:
                return [
                    unit for unit in queue if unit in (p.passes_when_held(lock) for p in parts)
                ]
            judge = judges.get(lock)
            return [] if judge is None else self._granted_now(judge, lock, inside[lock], queue)

        hook.release(rules, grant, sorted(held | judges.keys()))
        self._tell_releases()

    def owners(self, locks: Iterable[str]) -> dict[str, Part]:
        """Return the owners of locks, as far as known."""
        said: dict[str, set[str]] = {}
        for requests in self._dispatch.asked.of_all().values():
            for lock, about in requests.items():
                if 'by' in about:
                    said.setdefault(lock, set()).add(about['by'])
                self._dispatch.names.learn(lock, about.get('name'))
        found = {lock: self._owner(lock, said.get(lock, set())) for lock in locks}
        return {lock: owner for lock, owner in found.items() if owner is not None}

    def _owner(self, lock: str, said: set[str]) -> Part | None:
        parts = self._parts
        named = [part for part in parts if part.name in said]
        if len(named) > 1:
            names = ' and '.join(sorted(said))
            logger.warning(
                '%s ask for the lock %s; no policy applies to it until only one of them does',
                names,
                lock,
            )
            return None
        claimed = self._dispatch.names.owner(lock)
        owner = next((part for part in parts if part.kind is claimed), None)
        if owner is not None:
            return owner
        if named:
            return named[0]
        return parts[0] if len(parts) == 1 else None

    def _granted_now(
        self, judge: Part, lock: str, inside: set[str], queue: list[str]
    ) -> list[str]:
        name = self._name_of(lock)
        policy = judge.policy(name)
        granted, waiting = set(inside), list(queue)
        now: list[str] = []
        for unit in queue:
            if policy is not None and policy(name, unit, set(granted), list(waiting)):
                granted.add(unit)
                waiting.remove(unit)
                now.append(unit)
        return now

    def inside(self) -> dict[str, set[str]]:
        """Return, for each lock, the units whose turn was granted and has not ended."""
        return {
            lock: {unit.unit for unit in state.units if unit.position is not None}
            for lock, state in self._dispatch.locks().items()
        }

    def asking(self) -> dict[str, set[str]]:
        """Return, for each lock, the units that have asked and were not served yet."""
        return {
            lock: {
                unit.unit
                for unit in state.units
                if unit.position is not None or unit.place == 'requested'
            }
            for lock, state in self._dispatch.locks().items()
        }

    def _tell_releases(self) -> None:
        listeners = [part for part in self._parts if part.hears_releases]
        if not listeners:
            return
        locks = self._dispatch.locks()
        owners = self.owners(locks)
        said = self._dispatch.asked.of_all()
        # A leader without counts tells of nothing yet; with them, a new unit counts from 0.
        before: dict[str, Any] | None = self._dispatch.recall(_DONE)
        now: dict[str, Any] = {}
        for lock, state in locks.items():
            for unit in state.units:
                name = f'{lock} {unit.unit}'
                at = said.get(unit.unit, {}).get(lock, {}).get('at')
                # When it asked is known while it waits; later it may have asked again.
                now[name] = [unit.done, at]
                earlier, asked_at = _entry((before or {}).get(name))
                if before is not None and unit.done > earlier:
                    owner = owners.get(lock)
                    if owner in listeners:
                        owner.tell_release(unit.unit, self._name_of(lock), asked_at or at)
        self._dispatch.remember(_DONE, now)


def _entry(kept: Any) -> tuple[int, str | None]:
    if isinstance(kept, list):
        done, at = kept  # pyright: ignore[reportUnknownVariableType]
        return int(done), at  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return int(kept or 0), None
