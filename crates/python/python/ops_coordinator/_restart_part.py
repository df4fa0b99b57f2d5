"""The coordinator of restarts as its dispatch sees it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from ._action import SavedAction
from ._dispatch import Dispatch, Turn
from ._event_base import RestartEventBase
from ._native import Hook
from ._overridable import Overridable
from ._part import Ended, Part
from ._policy import Policy
from ._waiting import Waiting

if TYPE_CHECKING:
    from ._check import Check
    from ._progress import Progress
    from ._rolled import Rolled
    from ._trial import Trial

logger = logging.getLogger(__name__)

Restart: TypeAlias = 'Callable[[str], object]'
"""Restarts one service, or raises."""


class RestartPart(Part):
    """The coordinator of restarts: which event waits for which request, and what was restarted."""

    def __init__(
        self,
        coordinator: Overridable,
        dispatch: Dispatch,
        *,
        relation_key: str,
        lock: str,
        policy: Policy,
        check: Check | None,
    ):
        super().__init__(coordinator, dispatch, relation_key=relation_key, policy={lock: policy})
        self.lock = self.claim(lock)
        self._lock_name = lock
        self.action = SavedAction(self.dispatch, self.name)
        self.release_on_defer = False
        self.on_failure = 'retry'
        self.services: Sequence[str] = ()
        """What is restarted in a campaign that names nothing."""
        self._waiting = Waiting(self.dispatch, self.lock)
        # As in `waiting_key`, `restart` keeps the name from when there was no other lock.
        suffix = '' if self.lock == 'restart' else f'-{self.lock}'
        self._progress_path = self.dispatch.state / f'restarted{suffix}.json'
        self._served: list[RestartEventBase] = []
        self._told: list[RestartEventBase] = []
        self._parts: dict[str, list[tuple[int, str, str]]] = {}
        self._rolled_key = f'rolled{suffix}'
        self._check, self._trial_key = check, f'trial{suffix}'
        self._has_looked = self._is_invited = False
        self._rolled: Rolled | None = None
        dispatch.restarts.at_delivery(self._go_on)

    def restart(self, event: RestartEventBase, place: str, restart: Restart) -> bool:
        """Implement `RestartEvent.restart`, with a function that restarts one service."""
        dispatch = self.dispatch
        if dispatch.restricted:
            return False
        self._look_at_check()
        restarts = dispatch.restarts
        deferred = not restarts.delivering
        if deferred and self._served_by_a_turn_that_ended(event):
            self._told.append(event)
            return True
        passes_on = self.on_failure == 'continue'
        if restarts.is_over(event) or self._waiting.was_taken_back(event, passes_on=passes_on):
            self.coordinator.msg(f'The request of {event} is over')
            restarts.end(event)
            return False
        turn = dispatch.turns.get(self.lock)
        if turn is None:
            turn, waits_for = self._begin()
            if turn is None:
                self._wait(event, waits_for)
                return False
        if restarts.delivering > turn.emitted:
            # Requested after the services restarted: that restart may have missed the reason.
            self._waiting.note(event, self.request(self._lock_name))
            return False
        if not (deferred and self._progress.served(event, turn.number)):
            try:
                self._restart_services(event, turn, place, restart, deferred=deferred)
            except Exception as error:
                if self.on_failure == 'retry' or self.lock in dispatch.turns:
                    raise
                # The hook succeeds, so that all units and the operator see it.
                logger.error('%s', error)
                self._waiting.note(event, turn.number)
                return False
        self._served.append(event)
        turn.through = max(turn.through, self._waiting.number(event) or 0)
        return True

    @cached_property
    def _progress(self) -> Progress:
        # In most hooks nothing restarts, and each of them would pay for this.
        from ._progress import Progress

        return Progress(self._progress_path)

    def _served_by_a_turn_that_ended(self, event: RestartEventBase) -> bool:
        number = self._progress.number
        if not self._progress.served(event, number):
            return False
        # In a test of the charm another event may have the same name and the same content.
        newer = (self._waiting.number(event) or 0) > number
        return not newer and number <= self.dispatch.hook.counters(self.lock)[1]

    def _begin(self) -> tuple[Turn | None, str | None]:
        started, waits_for = self.start(self.lock)
        if not started:
            return None, waits_for
        turn = self.dispatch.turns[self.lock]
        if self._progress.used(turn.number):
            # The services restarted in a hook that failed later: no new event is part of that.
            turn.emitted = 0
        self._share_turn(turn)
        return turn, None

    def _wait(self, event: RestartEventBase, waits_for: str | None) -> None:
        if waits_for is not None:
            self.coordinator.step(f'Waiting on {self.lock}: {waits_for}')
        following = self.dispatch.outstanding().get(self.lock)
        number = self._waiting.number(event)
        if following is None or number is None or number < following:
            self._waiting.note(event, self.request(self._lock_name))

    def _restart_services(
        self, event: RestartEventBase, turn: Turn, place: str, restart: Restart, *, deferred: bool
    ) -> None:
        number, progress = turn.number, self._progress
        own = {event.handle.path} if deferred else set[str]()
        done = progress.restarted(event, number) if deferred else set[tuple[str, str]]()
        done |= turn.restarted
        for service in event.services:
            if (place, service) in done:
                continue
            try:
                with self.dispatch.guarded(self.lock):
                    restart(service)
            except Exception as error:
                reason = getattr(error, 'found', str(error))
                self.dispatch.fail(self.lock, f'{service}: {reason}', self.on_failure)
                raise
            done.add((place, service))
            turn.restarted.add((place, service))
            self._parts.setdefault(event.handle.path, []).append((number, place, service))
            progress.note_service(number, place, service, self._waiting.paths() | own)
        progress.note_served(number, event, deferred=deferred)

    # -- the check after the restarts

    def start(self, lock: str) -> tuple[bool, str | None]:
        """Begin the operation, unless what was restarted before is still being checked."""
        if lock == self.lock:
            self._look_at_check()
            if self._trial is not None and self._trial.goes_on:
                return False, 'the check of what was restarted before'
        return super().start(lock)

    @cached_property
    def _trial(self) -> Trial | None:
        """What this unit has restarted, until its check has held; None in a charm without one."""
        if self._check is None and self.dispatch.recall(self._trial_key) is None:
            return None
        # Most charms have no check, and each of their hooks would pay for this.
        from ._trial import Trial

        return Trial(self.dispatch, self._trial_key, self.lock, self._lock_name, self._check)

    def _look_at_check(self) -> None:
        if self._trial is None or self.lock in self.dispatch.turns:
            return
        if self._trial.look(self.on_failure):
            self._progress.forget()

    def _repeat(self) -> None:
        """Emit again what was restarted before its check has failed."""
        if self._trial is None:
            return
        for event in self._trial.take_due():
            event.emit(self.dispatch.charm.on)
        self.dispatch.restarts.deliver()

    def operation_ended(self, lock: str, ended: Ended) -> None:
        """Hear how the restarts of this dispatch stand, with their check."""
        if lock == self.lock and self._trial is not None and self._trial.end(ended):
            self._progress.forget()

    # -- campaigns

    def roll(self, rolled: Rolled, reason: str) -> None:
        """Have all units restart; the leader announces it at the end of this dispatch."""
        self.dispatch.hook.roll(self.lock, reason, self._lock_name, self._context(rolled))

    def expect(self, rolled: Rolled, reason: str) -> None:
        """Restart when the leader has all units restart; it announces that as well."""
        self.dispatch.hook.expect(self.lock, reason, self._lock_name, self._context(rolled))

    def _context(self, rolled: Rolled) -> str:
        from ._rolled import KEY

        return json.dumps({KEY: rolled.to_text()})

    def _go_on(self) -> None:
        """Do what this unit has to do in its turn although nothing is emitted for it."""
        dispatch = self.dispatch
        if self._has_looked or dispatch.restricted or self.lock in dispatch.turns:
            return
        self._has_looked = True
        self._look_at_check()
        self._repeat()
        if self.lock not in dispatch.turns:
            self._take_up_campaign()

    def _take_up_campaign(self) -> None:
        """Emit what a campaign has this unit restart, if its turn has come.

        A hook that fails loses the event, and finds it again with the request, which is then this
        unit's own.
        """
        dispatch = self.dispatch
        invited = dispatch.hook.invitation(self.lock)
        if invited is None:
            number = dispatch.outstanding().get(self.lock)
            if number is not None and not self._deferred():
                self._emit(number, dispatch.hook.asked(self.lock), ())
        elif self._emit(*invited, self.services):
            self._is_invited = True
        else:
            # Nobody else may decide that for this unit, and the others wait for it.
            reason = 'this revision of the charm does not know what to restart'
            logger.warning('%s: passing in a campaign: %s', self._lock_name, reason)
            dispatch.hook.pass_in_campaign(self.lock, reason)
        dispatch.restarts.deliver()

    def _emit(self, number: int, context: str | None, services: Sequence[str]) -> bool:
        """Emit what a campaign gives, once for each request; return whether it gives anything."""
        if self.dispatch.recall(self._rolled_key) == number:
            return True
        # Few hooks are about a campaign, and each of the others would pay for this.
        from ._rolled import rolled_in

        rolled = rolled_in(context, services)
        if rolled is None or not rolled.emit(self.dispatch.charm.on):
            return False
        self._rolled = rolled
        self.dispatch.remember(self._rolled_key, number)
        return True

    def _answer_invitation(self, hook: Hook) -> None:
        """Answer a campaign whose event was delivered and has not asked for its restart."""
        events, own = self.dispatch.restarts.deferred().items(), self._deferred()
        waits = [e for path, e in events if path in own and self._waiting.number(e) is None]
        if not waits:
            hook.pass_in_campaign(self.lock, 'its handler did not restart')
            return
        number = self.request(self._lock_name)
        for event in waits:
            self._waiting.note(event, number)

    def _share_turn(self, turn: Turn) -> None:
        """Restart what a campaign gives in this turn as well, which counts for it."""
        if self._rolled is None:
            # The turn has begun for an event of this unit's own.
            self._emit(turn.number, self.dispatch.hook.asked(self.lock), ())
        if self._rolled is not None:
            turn.emitted = self.dispatch.restarts.emitted

    def also_said(self, lock: str) -> dict[str, str]:
        """Return what a campaign gives, if the request takes its place."""
        if self._rolled is None or lock != self.lock:
            return {}
        from ._rolled import KEY

        return {KEY: self._rolled.to_text()}

    # -- the dispatch

    def tells_of(self, lock: str) -> bool:
        """Return whether the leader must know who requested a lock, and when."""
        return lock != self.lock or self.decides or self.hears_releases

    def take_over(self, hook: Hook) -> None:
        """Continue what an earlier dispatch has left."""
        self.action.begin()
        if self._trial is not None:
            self._trial.begin_dispatch()
        super().take_over(hook)

    def turn_ends(self, lock: str, turn: Turn) -> None:
        """Decide whether the unit keeps a turn that this dispatch has used."""
        if lock != self.lock:
            return
        deferred = self._deferred()
        again = [event for event in self._served if event.handle.path in deferred]
        if again and not self.release_on_defer and turn.kept is None:
            turn.kept = 'its handler deferred the event'
            for event in again:
                # So that the event is over if the request is withdrawn in the meantime.
                self._waiting.note(event, self._waiting.number(event) or turn.number)
        # What waits and was not served keeps its own request.
        served = {event.handle.path for event in self._served}
        waits = [n for path, n in self._waiting.numbers().items() if path in deferred - served]
        turn.through = max(turn.number, min([turn.through, *(number - 1 for number in waits)]))
        if self._trial is not None and turn.kept is None:
            self._trial.begin(turn.number, self._served)

    def claims(self, lock: str) -> bool | None:
        """Return whether a deferred event, or a check, claims this unit's request."""
        if lock != self.lock:
            return None
        return bool(self._deferred()) or (self._trial is not None and self._trial.goes_on)

    def before_release(self, hook: Hook) -> None:
        """Finish the pending work before this dispatch publishes."""
        if self._is_invited and hook.invitation(self.lock) is not None:
            self._answer_invitation(hook)
        self._has_looked = self._is_invited = False
        self._rolled = None
        self.action.end()
        deferred = self._deferred()
        again = {event.handle.path for event in [*self._served, *self._told]} & deferred
        # A handler that defers after its restart requests another one; so does a charm that emits
        # a waiting event once more.
        afresh = again | self.dispatch.restarts.renewed()
        if afresh:
            self._progress.drop(afresh)
        for path in deferred - afresh:
            # Only now does an event that is new to this dispatch have a path that lasts.
            for number, place, service in self._parts.get(path, []):
                self._progress.note_service(number, place, service, [path])
        if self.release_on_defer or self.lock not in self.dispatch.outstanding():
            # What it waited for has ended; it requests another turn.
            deferred -= again
        self._waiting.keep(deferred)
        self._served.clear()
        self._told.clear()
        self._parts.clear()
        super().before_release(hook)

    def _deferred(self) -> set[str]:
        """Return the deferred events that do not belong to another coordinator."""
        return set(self.dispatch.restarts.deferred()) - self._waiting.paths_elsewhere()
