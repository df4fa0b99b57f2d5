"""A lock's operations as their dispatch sees them: what waits, what runs, and how it ended."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from ._dispatch import Dispatch
from ._error import brief
from ._native import Hook
from ._operation import Operation, OperationResult, operations_in
from ._overridable import Overridable
from ._part import Ended, Part
from ._policy import Policy
from ._queue import Queue

if TYPE_CHECKING:
    from ._check import Check

logger = logging.getLogger(__name__)

Methods: TypeAlias = 'Mapping[str, Callable[..., OperationResult | None]]'
"""The operations that a charm knows, by name."""

Tell: TypeAlias = 'Callable[[str, Operation, str, bool], None]'
"""Tells the charm what became of an operation: `(event, operation, reason, retries)`."""

_REST, _LONGEST_REST = 5, 300
"""How many seconds an operation rests before its second retry; doubled for each further one."""

_ROLL = 'roll'
"""The key of what a campaign gives to each unit: an operation."""

_OVER = ('cancelled', 'skipped', 'withdrawn')
"""How a request ends whose operation is not to run."""


class Predecessor:
    """Another library's data in the databags. By default there is none."""

    def take_operations(self) -> list[Operation]:
        """Take over what waits here, and leave nothing that the other library would act on."""
        return []

    def lead(self) -> str | None:
        """Do what the leader has to do; return the unit that may hold the lock there."""
        return None

    def settle(self, waiting: list[Operation]) -> None:
        """Give up what this unit holds there, unless it is for something that waits here."""


class QueuePart(Part):
    """One lock of a charm, and the operations of this unit that wait for it."""

    def __init__(
        self,
        dispatch: Dispatch,
        *,
        lock: str,
        policy: Policy,
        methods: Methods,
        on_failure: str,
        back_off: int | None,
        check: Check | None,
        tell: Tell,
        predecessor: Predecessor,
    ):
        # Each lock has a coordinator of its own, so that no other one can use the lock.
        kind = type(f'Turns({lock!r})', (Overridable,), {})
        super().__init__(kind(), dispatch, relation_key='', policy={lock: policy})
        self.lock = self.claim(lock)
        self.queue = Queue(dispatch, self.lock)
        self._lock_name, self._methods, self._on_failure = lock, methods, on_failure
        self._back_off, self._check = back_off, check
        self._tell, self._predecessor = tell, predecessor
        self._running: Operation | None = None
        self._holder: str | None = None
        self._begin()
        dispatch.restarts.at_delivery(self._run)

    def _begin(self) -> None:
        self._has_run = False
        self._keeps = False
        self._has_looked = False
        self._invited: int | None = None
        self._asked: Operation | None = None

    # -- what waits

    def add(self, operation: Operation) -> bool:
        """Let an operation wait for its turn; return whether it does more than the last one."""
        if not self.dispatch.restricted:
            # What an operator has cancelled is over before anything new is added.
            _ = self.dispatch.hook
        return self.queue.add(operation, running=self._running)

    def next(self) -> Operation | None:
        """Return the operation that is to run next, None without one that the charm knows."""
        return next(filter(self._knows, self.queue.operations), None)

    def unknown(self) -> list[Operation]:
        """Return the operations that wait and that the charm does not know."""
        return [one for one in self.queue.operations if not self._knows(one)]

    def withdraw(self) -> list[Operation]:
        """Take back everything that waits; return it. What runs in this dispatch goes on."""
        self.dispatch.hook.withdraw(self.lock)
        return self.queue.clear(unless=lambda one: one is self._running)

    def _knows(self, operation: Operation) -> bool:
        return operation.name in self._methods

    # -- the end of a dispatch

    def _run(self) -> None:
        """Run the next operation, if it is this unit's turn; ask for one, if it is not."""
        if self.dispatch.restricted or self._running is not None:
            return
        self._take_up_campaign()
        self._look_at_check()
        operation = self.next()
        if operation is not None and not self._has_run and self._may_begin(operation):
            self._has_run = True
            self._perform(operation)
        self._ask()

    def _may_begin(self, operation: Operation) -> bool:
        following = self.dispatch.outstanding().get(self.lock, self._invited)
        if following is None or operation.rests_for(_LONGEST_REST):
            return False
        if operation.number != following:
            operation.number = self.request(self._lock_name)
        return self.start(self.lock)[0]

    # -- the check after an operation

    def _look_at_check(self) -> None:
        """See whether the check of an operation holds that an earlier dispatch has run."""
        if self._has_looked or self.lock in self.dispatch.turns:
            return
        self._has_looked = True
        hook, following = self.dispatch.hook, self.dispatch.outstanding().get(self.lock)
        checked = next((one for one in self.queue.operations if one.is_checked), None)
        # The dispatch that ran it may have succeeded for the journal, and not for Juju.
        own = checked
        if own is None and following is not None:
            own = next((one for one in self.queue.operations if one.number == following), None)
        self._demand_check(own)
        ended = hook.look_at_check(self.lock)
        if ended is not None:
            self._go_on_after(ended, own)
        elif checked is not None:
            _, done, outcome, _ = hook.counters(self.lock)
            if outcome == 'done' and (checked.number or 0) <= done:
                # The dispatch that has found this out was not committed.
                self._finish(checked)
            else:
                checked.is_checked = False

    def _demand_check(self, operation: Operation | None) -> None:
        if self._check is None:
            return
        exhausted = operation is not None and not operation.may_retry
        self.dispatch.hook.set_check(
            self.lock,
            self._check.fault,
            soak=self._check.soak,
            within=self._check.within,
            on_failure='stop' if self._on_failure == 'retry' and exhausted else self._on_failure,
            back_off=self._back_off or 0,
        )

    def operation_ended(self, lock: str, ended: Ended) -> None:
        """Hear how an operation stands that has succeeded in this dispatch."""
        checked = next((one for one in self.queue.operations if one.is_checked), None)
        if lock == self.lock and checked is not None:
            self._go_on_after(ended, checked)

    def _go_on_after(self, ended: Ended, operation: Operation | None) -> None:
        how, why = ended
        # Whatever follows, nothing of it begins in this dispatch.
        self._has_run = self._keeps = how != 'done'
        if operation is None or how == 'checking':
            return
        if how == 'done':
            if operation.is_checked:
                self._finish(operation)
            return
        operation.is_checked = False
        reason = f'{operation.name}: {why}'
        if how == 'retry':
            operation.count_retry()
            logger.warning('%s; it runs again', reason)
            self._tell('failed', operation, reason, True)
        elif how == 'stop':
            self._note_stop(operation, reason)
        else:
            self._keeps = False
            self._note_end(operation, reason)

    def _finish(self, operation: Operation) -> None:
        self.queue.remove(operation)
        self._tell('finished', operation, '', False)

    # -- campaigns

    def roll(self, operation: Operation, reason: str) -> None:
        """Have all units run an operation; the leader announces it at the end of this dispatch."""
        context = json.dumps({_ROLL: operation.content})
        self.dispatch.hook.roll(self.lock, reason, operation.name, context)

    def expect(self, operation: Operation, reason: str) -> None:
        """Run an operation when the leader has all units run it; it announces that as well."""
        context = json.dumps({_ROLL: operation.content})
        self.dispatch.hook.expect(self.lock, reason, operation.name, context)

    def _take_up_campaign(self) -> None:
        """Let what a campaign has this unit do come next, if its turn has come.

        Nothing of it is in the queue before. A hook that fails in the operation loses it from
        there, and finds it again with the request, which is then this unit's own.
        """
        hook = self.dispatch.hook
        if self._has_run:
            return
        invited = hook.invitation(self.lock)
        if invited is not None:
            self._invited, context = invited
        else:
            number = self.dispatch.outstanding().get(self.lock)
            if number is None or any(one.number == number for one in self.queue.operations):
                return
            self._invited, context = number, hook.asked(self.lock)
        operation = _rolled(context)
        if operation is not None and self._knows(operation):
            operation.number = self._invited
            self.queue.operations.insert(0, operation)
        elif invited is not None:
            # Nobody else may decide that for this unit, and the others wait for it.
            name = 'that' if operation is None else operation.name
            reason = f'this revision of the charm has no operation {name}'
            logger.warning('%s: passing in a campaign: %s', self._lock_name, reason)
            hook.pass_in_campaign(self.lock, reason)

    def _share_turn(self) -> None:
        """Let a campaign's operation wait for a turn of its own, if this one counts for it.

        The turn has begun for an operation that this unit had requested. In the line, that serves
        the campaign as well.
        """
        operation = _rolled(self.dispatch.hook.asked(self.lock))
        if operation is None or not self._knows(operation):
            return
        if all(one.id != operation.id for one in self.queue.operations):
            self.queue.add(operation, running=self._running)

    def _ask(self) -> None:
        """Request a turn for the next operation, unless this unit keeps the one that it has."""
        operation = self.next()
        if operation is None or operation is self._asked or self._keeps:
            return
        if operation.rests_for(_LONGEST_REST):
            return
        operation.number = self.request(self._lock_name)
        self._asked = operation

    def _perform(self, operation: Operation) -> None:
        self._running, operation.is_stopped = operation, False
        self._share_turn()
        try:
            self._tell('started', operation, '', False)
            with self.dispatch.guarded(self.lock):
                returned = self._methods[operation.name](**operation.kwargs)
            result = _checked(returned, operation.name)
        except Exception as error:
            self._fail(operation, error)
            return
        finally:
            self._running = None
        if result != OperationResult.RELEASE:
            self._retry(operation, holds=result == OperationResult.RETRY_HOLD)
        elif self._check is None:
            self._finish(operation)
        else:
            # The check follows at the end of the dispatch, when nothing else in it can fail.
            operation.is_checked = self._keeps = True
            self._demand_check(operation)

    def _retry(self, operation: Operation, *, holds: bool) -> None:
        """Let an operation run again that asks for it, unless it has done so too often."""
        may = operation.count_retry()
        most = '' if operation.max_retry is None else f' of {operation.max_retry}'
        if not may:
            retries = operation.retries - 1
            told = f'{retries} retry' if retries == 1 else f'{retries} retries'
            self._give_up(operation, f'{operation.name} failed after {told}')
            return
        reason = f'{operation.name} is to run again, retry {operation.retries}{most}'
        if holds:
            self.dispatch.turns[self.lock].kept = reason
            self._keeps = True
        else:
            self.dispatch.fail(self.lock, reason, 'continue')
        rest = min(_REST << operation.retries - 2, _LONGEST_REST) if operation.retries > 1 else 0
        operation.postpone(rest)
        if rest or holds:
            # Nothing else need wake this unit.
            self.dispatch.wake(self.lock, max(rest, 1))
        self._tell('failed', operation, reason, True)

    def _give_up(self, operation: Operation, reason: str) -> None:
        if self._on_failure == 'stop' or self._back_off is not None:
            self.dispatch.fail(self.lock, reason, 'stop')
            self._note_stop(operation, reason)
            return
        self.dispatch.fail(self.lock, reason, 'continue')
        self._note_end(operation, reason)

    def _note_stop(self, operation: Operation, reason: str) -> None:
        logger.error("%s; it waits for an operator's retry or skip", reason)
        self._keeps = operation.is_stopped = True
        self._tell('stopped', operation, reason, False)

    def _note_end(self, operation: Operation, reason: str) -> None:
        logger.error('%s, and does not run again', reason)
        self.queue.remove(operation)
        self._tell('failed', operation, reason, False)

    def _fail(self, operation: Operation, error: Exception) -> None:
        """Do with an operation that raised as the charm has declared."""
        reason = f'{operation.name}: {getattr(error, "found", None) or error}'
        if self._on_failure == 'retry' and self._back_off is None:
            self.dispatch.fail(self.lock, reason, 'retry')
            self._tell('failed', operation, reason, True)
            raise error
        logger.error('the operation %s failed', operation.name, exc_info=error)
        if self._back_off is not None and operation.count_retry():
            # The hook succeeds, and a waker brings the next attempt.
            self.dispatch.fail(self.lock, reason, 'retry', back_off=self._back_off)
            self._keeps = True
            self._tell('failed', operation, reason, True)
            return
        self._give_up(operation, reason)

    # -- the dispatch

    def tells_of(self, lock: str) -> bool:
        """Return whether the leader must know who requested a lock, and when."""
        return False

    def take_over(self, hook: Hook) -> None:
        """Drop what an operator has ended; take over what another library has left."""
        self._drop_what_is_over(hook)
        if hook.has_relation and not self.dispatch.restricted:
            self.queue.operations.extend(self._predecessor.take_operations())
        self._tell_of_unknown()

    def _drop_what_is_over(self, hook: Hook) -> None:
        waiting = self.queue.operations
        if not waiting:
            return
        _, done, outcome, why = hook.counters(self.lock)
        over = [one for one in waiting if one.number is not None and one.number <= done]
        if outcome not in _OVER or not over:
            return
        # A unit that takes its request back takes back all that waits with it.
        for operation in self.queue.clear() if outcome == 'withdrawn' else over:
            self.queue.remove(operation)
            reason = f'{outcome}: {why}' if why else outcome
            logger.info('%s: %s is over: %s', self._lock_name, operation.name, reason)
            self._tell('cancelled', operation, reason, False)

    def _tell_of_unknown(self) -> None:
        """Warn once of what nobody knows, and again after each refresh."""
        names = sorted({operation.name for operation in self.unknown()})
        key = f'unknown-{self.lock}'
        refreshed = os.environ.get('JUJU_DISPATCH_PATH', '').endswith('upgrade-charm')
        if names and (refreshed or names != self.dispatch.recall(key)):
            logger.warning(
                'this revision of the charm has no operation %s for the lock %s; what was '
                'requested of it is kept, and does not keep anything else from running',
                ', '.join(names),
                self._lock_name,
            )
        self.dispatch.remember(key, names or None)

    def claims(self, lock: str) -> bool | None:
        """Return whether an operation claims this unit's request."""
        if lock != self.lock:
            return None
        return self.next() is not None or any(one.is_checked for one in self.queue.operations)

    def before_release(self, hook: Hook) -> None:
        """Write down what waits."""
        self._ask()
        if hook.has_relation:
            self._predecessor.settle(self.queue.operations)
        self.queue.publish()
        self._begin()

    def held_elsewhere(self) -> set[str]:
        """Return the lock if a unit may hold it by a grant of another library."""
        self._holder = self._predecessor.lead()
        return set() if self._holder is None else {self.lock}

    def passes_when_held(self, lock: str) -> str | None:
        """Return the unit whose operation began there, and goes on here."""
        return self._holder if lock == self.lock else None


def _rolled(context: str | None) -> Operation | None:
    """Return the operation that a campaign gives, None if it gives none."""
    try:
        given: object = json.loads(context) if context else None
    except ValueError:
        return None
    if not isinstance(given, dict):
        return None
    found = operations_in([cast('dict[str, object]', given).get(_ROLL)])
    return found[0] if found else None


def _checked(result: Any, name: str) -> OperationResult:
    """Return how an operation ended.

    Raises:
        TypeError: It returned something else.
    """
    if result is None:
        return OperationResult.RELEASE
    try:
        return OperationResult(result)
    except ValueError:
        raise TypeError(
            f'the operation {name} returned {brief(result)}: return nothing, or one of the '
            'results of OperationResult'
        ) from None
