"""Locks by name, with the interface of `charmhelpers.coordinator`."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast, overload

import ops

from ._asked import time_of
from ._commit import commit_on
from ._dispatch import Dispatch
from ._endpoint import endpoint_of
from ._error import CoordinatorError, brief
from ._overridable import Overridable
from ._part import Part
from ._policy import Policy, checked_policies
from ._singleton import Singleton, charm_or_caller, charm_or_key_leads

if TYPE_CHECKING:
    from ._guard import SharedTurn

_P = ParamSpec('_P')
_R = TypeVar('_R')


class BaseCoordinator(Overridable, metaclass=Singleton):
    """Named locks: a unit requests one, and has it for one dispatch when its turn comes.

    There is one instance of each class per charm: creating it again returns the same object.
    Whatever takes a lock raises a `TypeError` if its name is not a string, and a `ValueError` if
    it is empty or if another lock has almost the same name.

    Args:
        charm: The charm. It may be omitted if a method of the charm creates the coordinator.
        relation_key: Where the original library stored its requests, so that they are migrated.
        peer_relation_name: An older name for `relation`.
        relation: The peer relation that carries the coordination. Defaults to the one used before,
            then `coordinator`, then the charm's only peer relation.
        limit: How many units may be inside a lock at once: 1 to 100, or a percentage of the units
            such as `'25%'`; one value for all locks of this coordinator, or a mapping from lock
            names to values.
        policy: Instead of `limit`, all about how units take turns: one `Policy` for all locks, or
            a mapping from lock names to policies.
        metrics: Where to write this unit's metrics for the textfile collector of Prometheus' node
            exporter; the name ends with `.prom` and differs from unit to unit.

    Raises:
        PeerRelationError: `charmcraft.yaml` has no such peer relation, or it is ambiguous which
            one to use.
        CoordinatorError: The charm already has a coordinator of this class with different
            arguments, or one of another class that uses the same lock.
        TypeError: The charm is not a charm, a limit is neither a whole number nor a percentage,
            or a policy not a `Policy`.
        ValueError: A limit is not from 1 to 100, `limit` and `policy` are both given, or
            `relation` and `peer_relation_name` differ.
    """

    @overload
    def __init__(
        self,
        charm: ops.CharmBase | None = None,
        relation_key: str = 'coordinator',
        peer_relation_name: str | None = None,
        *,
        relation: str | None = None,
        limit: int | str | Mapping[str, int | str] = 1,
        policy: Policy | Mapping[str, Policy] | None = None,
        metrics: str | os.PathLike[str] | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self,
        charm: str,
        relation_key: str | None = None,
        /,
        *,
        relation: str | None = None,
        limit: int | str | Mapping[str, int | str] = 1,
        policy: Policy | Mapping[str, Policy] | None = None,
        metrics: str | os.PathLike[str] | None = None,
    ) -> None: ...
    @charm_or_key_leads
    def __init__(
        self,
        charm: ops.CharmBase | str | None = None,
        relation_key: str | None = 'coordinator',
        peer_relation_name: str | None = None,
        *,
        relation: str | None = None,
        limit: int | str | Mapping[str, int | str] = 1,
        policy: Policy | Mapping[str, Policy] | None = None,
        metrics: str | os.PathLike[str] | None = None,
    ):
        if isinstance(charm, str):
            # As in charmhelpers, where there is no charm to give.
            given = relation_key if relation_key != 'coordinator' else None
            charm, relation_key, peer_relation_name = None, charm, given or peer_relation_name
        charm = charm_or_caller(charm)
        if relation and peer_relation_name and relation != peer_relation_name:
            raise ValueError(
                f'relation={brief(relation)} and peer_relation_name='
                f'{brief(peer_relation_name)} are two names for the same option; pass only one'
            )
        self._key = relation_key or 'coordinator'
        self._charm = charm
        self._commit = commit_on(charm, endpoint_of(charm, relation or peer_relation_name))
        self._commit.is_usual |= not (relation or peer_relation_name)
        if metrics is not None:
            self._commit.metrics = os.fspath(metrics)
        self._dispatch = self._commit.dispatch
        self._part = self._make_part(self._dispatch, checked_policies(limit, policy))
        self._commit.join(self._part)

    def _make_part(self, dispatch: Dispatch, policy: Policy | Mapping[str, Policy]) -> Part:
        return Part(self, dispatch, relation_key=self._key, policy=policy)

    # -- a unit's own side

    def acquire(self, lock: str) -> bool:
        """Request a lock.

        A call joins a request that is already waiting. If the turn has come and the charm has not
        asked in the last three dispatches, the turn passes to the next unit.

        Args:
            lock: The lock's name, any string that is not empty.

        Returns:
            Whether the unit has it now, for the rest of this dispatch. If False, ask again in a
            later hook.

        Raises:
            CoordinatorError: Another coordinator of the charm uses the lock.
        """
        key = self._interest(lock)
        started, waits_for = self._part.start(key)
        if started:
            self.step(f'Acquired {lock}')
            return True
        if waits_for is None:
            self._part.request(lock)
            self.step(f'Requested {lock}')
        else:
            self.step(f'Waiting on {lock}: {waits_for}')
        return False

    def request(self, lock: str) -> int:
        """Request a turn that comes in a later hook.

        Args:
            lock: The lock.

        Returns:
            The number of the request that serves this one.

        Raises:
            CoordinatorError: Another coordinator of the charm uses the lock.
        """
        self._interest(lock)
        return self._part.request(lock)

    def granted(self, lock: str) -> bool:
        """Tell whether the unit has a lock now. If its turn has come, this call begins the turn.

        Args:
            lock: The lock.

        Returns:
            Whether the unit has it, for the rest of this dispatch.

        Raises:
            CoordinatorError: Another coordinator of the charm uses the lock.
        """
        return self._part.start(self._interest(lock))[0]

    def shared_turn(self, lock: str) -> SharedTurn | None:
        """Return the turn of a lock's shared lock that this unit has while its own turn lasts.

        Args:
            lock: The lock, as the charm calls it.

        Returns:
            The turn; None if its policy has no shared lock, before the turn has begun, and once
            the shared lock is lost. What the charm does in its turn should end by then.

        Raises:
            CoordinatorError: Another coordinator of the charm uses the lock, or this unit's state
                cannot be read.
        """
        return self._dispatch.shared_turn(self._part.claim(lock))

    def requested(self, lock: str) -> bool:
        """Tell whether this unit has asked for a lock and was not served yet.

        Args:
            lock: The lock.

        Returns:
            Whether a request of this unit is outstanding.

        Raises:
            CoordinatorError: Another coordinator of the charm uses the lock.
        """
        newest, done, _, _ = self._dispatch.hook.counters(self._part.claim(lock))
        return newest > done

    def request_timestamp(self, lock: str) -> datetime | None:
        """Tell when this unit asked for a lock.

        This is for humans: no clock decides whose turn it is.

        Args:
            lock: The lock.

        Returns:
            The time in UTC, without a time zone; None if the unit has not asked.

        Raises:
            CoordinatorError: Another coordinator of the charm uses the lock.
        """
        return time_of(self._part.asked_at(self._part.claim(lock)))

    def withdraw(self, lock: str) -> bool:
        """Withdraw this unit's request; the turn passes to the next unit.

        Args:
            lock: The lock.

        Returns:
            Whether a request was withdrawn. False if none is waiting, or if its operation is
            running in this dispatch.

        Raises:
            CoordinatorError: Another coordinator of the charm uses the lock.
        """
        return self._dispatch.hook.withdraw(self._part.claim(lock))

    def cancel(self, lock: str, unit: str, *, force: bool = False) -> bool:
        """Cancel another unit's request, on the leader, as a last resort for operators.

        It is published when this hook succeeds. The unit ends its request itself in its next hook,
        and keeps its place until then, so that nothing starts beside an operation that is still
        running. A deferred restart event whose request was cancelled is over.

        Args:
            lock: The lock.
            unit: The unit's name, such as `'app/2'`.
            force: Remove its entry from the line without waiting for the unit. If its operation is
                still running, the next one starts beside it: use this only for a machine that is
                gone.

        Returns:
            Whether the unit has a request to cancel.

        Raises:
            CoordinatorError: This unit is not the leader, `unit` is not a unit's name, or another
                coordinator of the charm uses the lock.
        """
        return self._dispatch.hook.cancel(self._part.claim(lock), unit, force)

    def instruct(self, lock: str, instruction: str, about: str = '') -> str:
        """Carry out what an operator wants of a lock, on the leader. Repeating it is harmless.

        Args:
            lock: The lock.
            instruction: `'pause'`: nothing starts, and what runs is not interrupted. `'resume'`:
                operations start again. `'retry'`: a unit whose operation has stopped after a
                failure may try once more. `'skip'` and `'cancel'`: a unit ends its request in its
                next hook, with the outcome `skipped` or `cancelled`. `'force'`: as `cancel` with
                `force`.
            about: The reason of a pause; for the others, the unit's name.

        Returns:
            What was done, in words.

        Raises:
            CoordinatorError: This unit is not the leader, `about` is not a unit's name, there is
                nothing to retry, or another coordinator of the charm uses the lock.
        """
        return self._dispatch.hook.instruct(self._part.claim(lock), instruction, about)

    def plan(self, lock: str) -> dict[str, Any]:
        """Tell who would go when, and what stands in the way; costs a read of every unit.

        Args:
            lock: The lock.

        Returns:
            `steps`: lists of units that run together, each with `unit`, `seq`, `in_line` and
            `wave`; and `obstacles`, each with `kind`, `unit` and `why`.

        Raises:
            CoordinatorError: Another coordinator of the charm uses the lock.
        """
        key = self._part.claim(lock)
        plan = self._dispatch.hook.plan(key, self._part.declared(lock).rules)
        return cast('dict[str, Any]', json.loads(plan))

    def hold(self, lock: str, reason: str) -> None:
        """Keep the lock beyond this dispatch: nothing behind this unit starts.

        It is kept until the charm has it again in a later dispatch without holding it there, or
        withdraws it.

        Args:
            lock: The lock.
            reason: A short reason, for readers of the status.

        Raises:
            CoordinatorError: The unit does not have the lock.
        """
        turn = self._dispatch.turns.get(self._interest(lock))
        if turn is None:
            raise CoordinatorError(
                f'{self._charm.unit.name} does not have the lock {brief(lock)}: hold it in a '
                'dispatch in which granted() or acquire() returned True'
            )
        turn.kept, turn.held = reason, True

    def require(
        self, lock: str, guard_func: Callable[..., Any], *guard_args: Any, **guard_kw: Any
    ) -> Callable[[Callable[_P, _R]], Callable[_P, _R | None]]:
        """Decorate a function so that it runs only while the unit has the lock.

        It requests the lock when `guard_func(*guard_args, **guard_kw)` is true. Without the lock
        it does not call the function and returns None.

        Args:
            lock: The lock.
            guard_func: Returns whether the lock is needed.
            guard_args: Positional arguments for `guard_func`.
            guard_kw: Keyword arguments for `guard_func`.

        Returns:
            The decorator.
        """

        def decorator(function: Callable[_P, _R]) -> Callable[_P, _R | None]:
            @functools.wraps(function)
            def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> _R | None:
                if self.granted(lock):
                    self.step(f'Granted {lock}')
                    return function(*args, **kwargs)
                if guard_func(*guard_args, **guard_kw) and self.acquire(lock):
                    return function(*args, **kwargs)
                return None

            return wrapper

        return decorator

    # -- for operators

    def add_status(self, event: ops.CollectStatusEvent) -> None:
        """Add what this unit waits for to its status, for the charm's `collect-status` handler.

        Call it in a handler of `collect_unit_status`, beside the charm's own statuses. It adds a
        waiting status such as "restart: 2nd in line, behind app/3" while a request of this unit
        waits, and nothing otherwise. A blocked or maintenance status of the charm wins over it.

        Args:
            event: The event that collects the status.

        Raises:
            CoordinatorError: The line or this unit's state cannot be read.
        """
        summary = None if self._dispatch.restricted else self._dispatch.hook.summary()
        if summary is not None:
            event.add_status(ops.WaitingStatus(summary))

    def status_table(self) -> str:
        """Return who waits for whom, why and since when, as a table for people.

        It reads every unit's record. An action shows it like this::

            def _on_show_turns(self, event: ops.ActionEvent):
                event.set_results({'turns': self.coordinator.status_table()})

        Returns:
            A table with one row for each unit, lock by lock.

        Raises:
            CoordinatorError: The line or this unit's state cannot be read.
        """
        return self._dispatch.hook.status().table

    # -- the dispatch

    def initialize(self) -> None:
        """Read the line, early in the dispatch if possible. Further calls do nothing.

        Raises:
            CoordinatorError: The line or this unit's state cannot be read.
        """
        _ = self._dispatch.hook

    def handle(self) -> None:
        """Take part in the coordination; a leader maintains the line at the end of the dispatch.

        Raises:
            CoordinatorError: The line or this unit's state cannot be read.
        """
        self.initialize()

    # -- what is known of all units, as in charmhelpers

    @property
    def key(self) -> str:
        """Where the original library stored its requests."""
        return self._key

    @property
    def relname(self) -> str:
        """The peer relation that carries the coordination."""
        return self._dispatch.endpoint

    @property
    def relid(self) -> str | None:
        """The peer relation's id, `name:number`; None if it does not exist yet."""
        relation = self._dispatch.relation
        return f'{relation.name}:{relation.id}' if relation else None

    @property
    def requests(self) -> dict[str, dict[str, str]]:
        """Who has asked for which lock, and when: `{unit: {lock: time}}`.

        The time is empty if unknown.
        """
        units = self._commit.policies.asking()
        return {self._charm.unit.name: {}, **self._by_unit(units)}

    @property
    def grants(self) -> dict[str, dict[str, str]]:
        """Who has a lock, or gets it without a further grant: `{unit: {lock: request time}}`."""
        return self._by_unit(self._commit.policies.inside())

    # -- the leader's side

    def grant(self, lock: str, unit: str) -> bool:
        """Tell, on the leader, whether a unit has or gets a lock.

        A new grant reaches the unit when this hook succeeds.

        Args:
            lock: The lock.
            unit: The unit's name, such as `'app/2'`.

        Returns:
            Whether the unit has or gets it; False on a unit that does not lead.

        Raises:
            CoordinatorError: Another coordinator of the charm uses the lock.
        """
        key = self._part.claim(lock)
        if not self._dispatch.hook.is_leader:
            return False
        granted = self._commit.policies.inside().get(key, set())
        if unit in granted:
            return True
        queue = self._dispatch.hook.queue(key)
        policy = self._part.policy(lock) or self.default_grant
        return unit in queue and bool(policy(lock, unit, granted, queue))

    def _interest(self, lock: str) -> str:
        key = self._part.claim(lock)
        self._commit.claims.note(key)
        return key

    def _by_unit(self, units: dict[str, set[str]]) -> dict[str, dict[str, str]]:
        said = self._dispatch.asked.of_all()
        owners = self._commit.policies.owners(units)
        found: dict[str, dict[str, str]] = {}
        for lock in units:
            if owners.get(lock) is self._part:
                name = self._dispatch.names.name_of(lock)
                for unit in units[lock]:
                    at = said.get(unit, {}).get(lock, {}).get('at', '')
                    found.setdefault(unit, {})[name] = at
        return found


class Serial(BaseCoordinator):
    """One unit at a time has a lock; waiting units take turns in the order of their numbers.

    The arguments are those of `BaseCoordinator`; with a `limit` more than one unit has it at once.
    """
