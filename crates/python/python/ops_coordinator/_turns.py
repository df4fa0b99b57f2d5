"""The API for charms: operations that units run in turn."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

import ops

from ._commit import commit_on
from ._dispatch import ON_FAILURE, Dispatch
from ._endpoint import endpoint_of
from ._error import CoordinatorError, brief
from ._operation import Operation, OperationResult
from ._part import check_for
from ._policy import Policy, checked_limit
from ._queue import operations_of
from ._queue_part import Predecessor, QueuePart
from ._restarts import deliver_before_status
from ._turn_events import TurnsEvents, TurnState, WaitingOperation

if TYPE_CHECKING:
    from ._guard import SharedTurn

_KEPT = '_ops_coordinator_turns'


class Turns(ops.Object):
    """The operations of a charm that units run in turn, for one lock.

    A charm requests an operation, and its method is called at the end of a later dispatch, when it
    is this unit's turn::

        self.turns = Turns(self, {'restart': self._restart})
        ...
        self.turns.request('restart', port=8080)

    A unit's requests wait in the order in which they were made, and each gets a turn of its own. A
    request that does the same as the last one that waits, with the same arguments, is that one.

    An operation may run again: if it asks for it with its result; if it raises; and if the hook in
    which it has run fails in the end, since Juju then takes back all that it has published. So it
    must do no harm when it is repeated.

    Args:
        charm: The charm.
        operations: The charm's methods that are run in turn, by the names under which they are
            requested. A name stays the same over refreshes; the method may change. A method
            returns nothing, or an `OperationResult`.
        lock: What units take turns for. Each lock of a charm needs a `Turns` of its own.
        relation: The peer relation that carries the coordination. Defaults to the one used before,
            then `coordinator`, then the charm's only peer relation.
        limit: How many units may run an operation at once: 1 to 100, or a percentage of the units
            such as `'25%'`.
        policy: Instead of `limit`, all about how units take turns: a `Policy`.
        max_retry: How often an operation may run again because its result asks for it: None for no
            limit, 0 for never. After that it counts as failed.
        on_failure: What happens if an operation raises. With `'retry'` the exception fails the
            hook, and the unit tries again when Juju runs it again. With `'stop'` it is logged: the
            unit keeps its turn, and tries again once an operator permits it (see `Operators`).
            With `'continue'` it is logged, and the turn passes on without the operation. With
            `'stop'`, an operation that has no retries left stops as well; otherwise the turn
            passes on.
        check: A function that is called after an operation, and then in every later hook until it
            has held for `soak`. It returns None or True while all is well; it returns why not,
            False, or raises, where it is not. Until it has held, this unit keeps its turn, and
            nothing behind it starts. It cannot use the coordinator.
        soak: For how long the check must hold without interruption, in seconds or as text such as
            `'2m'`. Without a check, for how long the turn lasts after an operation.
        check_within: How long the check may fail after the operation, 5 minutes by default. One
            that fails later than that has failed, and `on_failure` says what follows: with
            `'retry'` the operation runs again in a later hook, at most `max_retry` times, and
            after that it stops.
        back_off: How long to wait after a failure before the operation runs again, twice as long
            after each further one, up to 10 minutes. An operation that raises then does not fail
            the hook, and counts for `max_retry`; without retries left it stops. Only for
            `on_failure='retry'`.
        metrics: Where to write this unit's metrics for the textfile collector of Prometheus' node
            exporter; the name ends with `.prom` and differs from unit to unit.

    Raises:
        PeerRelationError: `charmcraft.yaml` has no such peer relation, or it is ambiguous which
            one to use.
        CoordinatorError: Something else in the charm uses the lock.
        TypeError: The charm is not a charm, an operation not a function, the limit neither a whole
            number nor a percentage, the policy not a `Policy`, the check not a function, or a time
            neither seconds nor text.
        ValueError: The limit is not from 1 to 100, `limit` and `policy` are both given,
            `max_retry` is negative, `on_failure` is none of these, a time is not valid,
            `check_within` is given without a check, or `back_off` with another `on_failure`.
    """

    on: TurnsEvents = TurnsEvents()

    def __init__(
        self,
        charm: ops.CharmBase,
        operations: Mapping[str, Callable[..., OperationResult | None]],
        *,
        lock: str = 'restart',
        relation: str | None = None,
        limit: int | str = 1,
        policy: Policy | None = None,
        max_retry: int | None = None,
        on_failure: str = 'retry',
        check: Callable[[], bool | str | None] | None = None,
        soak: int | str = 0,
        check_within: int | str | None = None,
        back_off: int | str | None = None,
        metrics: str | os.PathLike[str] | None = None,
    ):
        _check(charm, operations, on_failure)
        # An error in it is to show now, and not with the first request.
        Operation.new('x', {}, max_retry)
        kept: dict[str, Turns] = charm.framework.__dict__.setdefault(_KEPT, {})
        if lock in kept:
            raise CoordinatorError(
                f'the charm already has its Turns for the lock {brief(lock)}: use that one, or '
                "another lock, as in Turns(self, ..., lock='backup')"
            )
        self._max_retry, self._name = max_retry, lock
        self._commit = commit_on(charm, endpoint_of(charm, relation))
        self._part = QueuePart(
            self._commit.dispatch,
            lock=lock,
            policy=policy_of(limit, policy),
            methods=operations,
            on_failure=on_failure,
            back_off=_back_off(back_off, on_failure),
            check=check_for(lock, check, soak, check_within),
            tell=self._tell,
            predecessor=self._find_predecessor(self._commit.dispatch),
        )
        super().__init__(charm, f'ops-coordinator-turns-{self._part.lock}')
        self._commit.is_usual |= relation is None
        if metrics is not None:
            self._commit.metrics = os.fspath(metrics)
        self._commit.join(self._part)
        deliver_before_status(charm.on)
        # The framework holds its objects weakly, and a charm need not keep this one.
        kept[lock] = self
        self._charm, self._methods = charm, operations

    @property
    def lock(self) -> str:
        """What units take turns for, as the charm calls it."""
        return self._name

    @property
    def operations(self) -> tuple[str, ...]:
        """The names of the operations that the charm runs in turn."""
        return tuple(self._methods)

    # -- a unit's own side

    def request(self, operation: str, /, **kwargs: Any) -> bool:
        """Let an operation run in this unit's turn, at the end of a later dispatch.

        Args:
            operation: Its name.
            kwargs: What its method is called with: values that JSON can represent, at most 16 KiB
                of them. Other units can read them, and so can whoever reads the databags, so they
                must not be secret.

        Returns:
            Whether it was added; False if the last one that waits does the same.

        Raises:
            ValueError: The charm has no such operation, or the arguments are too large.
            TypeError: An argument is not of a type that JSON can represent.
            CoordinatorError: A hundred operations are waiting already.
        """
        return self.request_with(operation, kwargs, max_retry=self._max_retry)

    def request_with(
        self, operation: str, kwargs: Mapping[str, Any] | None = None, *, max_retry: int | None
    ) -> bool:
        """Do what `request` does, with another number of retries.

        Args:
            operation: The operation's name.
            kwargs: What its method is called with.
            max_retry: How often this request may run again.

        Returns:
            Whether it was added.

        Raises:
            ValueError: As for `request`, or `max_retry` is negative.
            TypeError: As for `request`, or `max_retry` is not a whole number.
            CoordinatorError: As for `request`.
        """
        self._require(operation)
        return self._part.add(
            Operation.new(operation, {} if kwargs is None else kwargs, max_retry)
        )

    def roll(self, operation: str, /, *, reason: str, **kwargs: Any) -> None:
        """Have every unit run an operation once, one after the other; on the leader.

        No unit has to request it: the leader invites them, as the policy says, and each runs the
        operation at the end of the dispatch in which its turn has come. It begins when this hook
        succeeds. A campaign for the same reason joins one that is under way; one for another
        reason takes its place. `instruct('abort')` ends it early.

        A unit that has requested operations of its own runs them as well. A unit whose revision of
        the charm does not know the operation passes.

        Args:
            operation: Its name.
            reason: Why, for everybody who looks.
            kwargs: What its method is called with, as for `request`.

        Raises:
            ValueError: The charm has no such operation, or the arguments are too large.
            TypeError: An argument is not of a type that JSON can represent.
            CoordinatorError: This unit is not the leader.
        """
        self._require(operation)
        self._part.roll(Operation.new(operation, kwargs, self._max_retry), reason)

    def expect(self, operation: str, /, *, reason: str, **kwargs: Any) -> None:
        """Run an operation for a reason that all units learn of by themselves.

        Such a reason is a new setting. Call this on every unit, instead of `request`. The leader
        has all units run the operation when it calls this as well, as with `roll`, and none of
        them publishes a request. A unit whose turn the leader has not arranged after a minute
        requests one for itself. Another reason takes the place of the one before.

        Args:
            operation: Its name.
            reason: Why, for everybody who looks; the same on all units.
            kwargs: What its method is called with, as for `request`: the leader's count.

        Raises:
            ValueError: The charm has no such operation, or the arguments are too large.
            TypeError: An argument is not of a type that JSON can represent.
            CoordinatorError: The line or this unit's state cannot be read.
        """
        self._require(operation)
        self._part.expect(Operation.new(operation, kwargs, self._max_retry), reason)

    def withdraw(self) -> int:
        """Take back everything that waits here for a turn.

        An operation that is running goes on.

        Returns:
            How many operations were taken back.

        Raises:
            CoordinatorError: The line or this unit's state cannot be read.
        """
        return len(self._part.withdraw())

    def is_waiting(self, operation: str | None = None, *, unit: str | None = None) -> bool:
        """Tell whether an operation waits for its turn, is running, or is to run again.

        Args:
            operation: The operation's name; any operation if none is given.
            unit: The unit's name, such as `'app/2'`; this unit if none is given.

        Returns:
            Whether one of that name waits on that unit.

        Raises:
            ValueError: The peer relation has no such unit.
        """
        waiting = self._waiting_on(unit)
        return any(operation in (None, one.name) for one in waiting)

    @property
    def state(self) -> TurnState:
        """Where this unit stands. While something waits, this reads every unit's record.

        Raises:
            CoordinatorError: The line or this unit's state cannot be read.
        """
        operations, unknown = self._waiting()
        following = self._part.next()
        if following is None or self._part.dispatch.restricted:
            return TurnState(operations, unknown)
        lock = self._part.dispatch.locks().get(self._part.lock)
        name = self._charm.unit.name
        unit = next((one for one in (lock.units if lock else ()) if one.unit == name), None)
        if lock is None or unit is None or unit.place == 'idle':
            return TurnState(operations, unknown, reason='it is to be requested')
        return TurnState(
            operations,
            unknown,
            is_turn=unit.place == 'turn' and not following.is_stopped,
            is_stopped=following.is_stopped,
            is_checking=following.is_checked,
            position=unit.position,
            waits_for=tuple(unit.waits_for),
            reason=unit.wait,
            paused=lock.paused,
        )

    @property
    def shared_turn(self) -> SharedTurn | None:
        """The turn of the policy's shared lock that the running operation has.

        None without a shared lock, outside an operation, and once the lock is lost.

        Raises:
            CoordinatorError: This unit's state cannot be read.
        """
        return self._part.dispatch.shared_turn(self._part.lock)

    # -- for operators

    def add_status(self, event: ops.CollectStatusEvent) -> None:
        """Add what this unit waits for to its status, for the charm's `collect-status` handler.

        It adds a waiting status such as "restart: 2nd in line, behind app/3" while a request of
        this unit waits, for this lock or another on the same relation, and nothing otherwise.

        Args:
            event: The event that collects the status.

        Raises:
            CoordinatorError: The line or this unit's state cannot be read.
        """
        dispatch = self._part.dispatch
        summary = None if dispatch.restricted else dispatch.hook.summary()
        if summary is not None:
            event.add_status(ops.WaitingStatus(summary))

    def status_table(self) -> str:
        """Return who waits for whom, why and since when, as a table for people.

        Returns:
            A table with one row for each unit, lock by lock.

        Raises:
            CoordinatorError: The line or this unit's state cannot be read.
        """
        return self._part.dispatch.hook.status().table

    def instruct(self, instruction: str, about: str = '') -> str:
        """Carry out what an operator wants of the lock, on the leader. Repeating it is harmless.

        Args:
            instruction: `'pause'`, `'resume'`, `'retry'`, `'skip'`, `'cancel'` or `'force'`, as
                for `Serial.instruct`. `'skip'` and `'cancel'` end the operation that runs next.
                `'abort'`: the campaign that `roll` has begun ends early; units that have begun go
                on, the others pass.
            about: The reason of a pause; for the others, the unit's name.

        Returns:
            What was done, in words.

        Raises:
            CoordinatorError: This unit is not the leader, `about` is not a unit's name, or there
                is nothing to retry.
        """
        return self._part.dispatch.hook.instruct(self._part.lock, instruction, about)

    def plan(self) -> dict[str, Any]:
        """Tell who would go when, and what stands in the way; costs a read of every unit.

        Returns:
            `steps` and `obstacles`, as for `Serial.plan`.

        Raises:
            CoordinatorError: The line or this unit's state cannot be read.
        """
        rules = self._part.declared(self._name).rules
        plan = self._part.dispatch.hook.plan(self._part.lock, rules)
        return cast('dict[str, Any]', json.loads(plan))

    # -- inside

    def _require(self, operation: str) -> None:
        if operation not in self._methods:
            known = ', '.join(sorted(self._methods)) or 'none'
            raise ValueError(
                f'the charm has no operation {brief(operation)} for the lock {brief(self._name)}: '
                f'add it where the charm creates its Turns; it has {known}'
            )

    def _waiting(self) -> tuple[tuple[WaitingOperation, ...], tuple[WaitingOperation, ...]]:
        unknown = self._part.unknown()
        known = (one for one in self._part.queue.operations if one not in unknown)
        return tuple(map(WaitingOperation, known)), tuple(map(WaitingOperation, unknown))

    def _waiting_on(self, unit: str | None) -> list[Operation]:
        if unit in (None, self._charm.unit.name):
            return self._part.queue.operations
        relation = self._part.dispatch.relation
        for other in relation.units if relation else ():
            if relation is not None and other.name == unit:
                return operations_of(relation, other, self._part.lock)
        raise ValueError(f'{brief(unit)} is not a unit of this application that has joined it')

    def _find_predecessor(self, dispatch: Dispatch) -> Predecessor:
        return Predecessor()

    def _tell(self, kind: str, operation: Operation, reason: str, retries: bool) -> None:
        event = getattr(self.on, f'turn_{kind}')
        about = (self._name, operation.name, operation.kwargs)
        if kind in ('started', 'finished'):
            event.emit(*about)
        else:
            event.emit(*about, reason, retries)


def _back_off(back_off: int | str | None, on_failure: str) -> int | None:
    if back_off is None:
        return None
    if on_failure != 'retry':
        raise ValueError("back_off is for on_failure='retry': leave one of them out")
    from ._check import span_of

    return span_of(back_off, 'back_off')


def policy_of(limit: int | str, policy: Policy | None) -> Policy:
    """Return how units take turns, from what a charm gives.

    Raises:
        TypeError: The limit is not a number or a percentage, or the policy not a `Policy`.
        ValueError: The limit is not from 1 to 100, or both are given.
    """
    if policy is None:
        return Policy(limit=checked_limit(limit))
    if limit != 1:
        raise ValueError('pass either limit or policy; a Policy has a limit too')
    if not isinstance(policy, Policy):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f'policy must be a Policy, not {brief(policy)}')
    return policy


def _check(charm: object, operations: Mapping[str, object], on_failure: str) -> None:
    if not isinstance(charm, ops.CharmBase):
        raise TypeError(f'Turns needs a charm, not a {type(charm).__name__}: pass self')
    if not isinstance(operations, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(
            f'operations must map names to methods, not be {brief(operations)}: write '
            "Turns(self, {'restart': self._restart})"
        )
    for name, method in operations.items():
        if not isinstance(name, str) or not name.strip():  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"an operation's name must be text, not {brief(name)}")
        if not callable(method):
            raise TypeError(
                f'the operation {brief(name)} must be a method, not {brief(method)}: pass it '
                'without calling it'
            )
    if on_failure not in ON_FAILURE:
        raise ValueError(f"on_failure is 'retry', 'stop' or 'continue', not {brief(on_failure)}")
