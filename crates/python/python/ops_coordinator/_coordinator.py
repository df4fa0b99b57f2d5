"""Locks by name, with the interface of `charmhelpers.coordinator`."""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import ops

from ._dispatch import Dispatch
from ._error import CoordinatorError, PeerRelationError
from ._event import latest_charm
from ._local_state import LocalState
from ._original import Original

if TYPE_CHECKING:
    from ._dispatch import Turn
    from ._native import Hook

logger = logging.getLogger(__name__)

P = ParamSpec('P')
R = TypeVar('R')

TIME = '%Y-%m-%d %H:%M:%S.%fZ'
"""How the original library writes a time."""

INSTANCES = '_ops_coordinator_instances'
DISPATCHES = '_ops_coordinator_dispatches'


def charm_or_latest(charm: ops.CharmBase | None = None) -> ops.CharmBase:
    """The charm that was given, else the one that is being constructed."""
    found = charm or latest_charm()
    if found is None:
        raise CoordinatorError(
            'which charm is this coordinator for? Give it, as in OpsCoordinator(self), or let the '
            "charm's events be `on = RestartCharmEvent()`"
        )
    if not isinstance(found, ops.CharmBase):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f'a coordinator is made for a charm, not for a {type(found).__name__}')
    return found


def instances(framework: ops.Framework) -> dict[type, BaseCoordinator]:
    """The coordinators of a charm, one of each class."""
    return framework.__dict__.setdefault(INSTANCES, {})


class Singleton(type):
    """Makes one instance of each class for a charm, and gives the same one when asked again."""

    if not TYPE_CHECKING:

        def __call__(cls, *args, **kwargs):
            # A subclass may have a constructor of its own, without the charm.
            given = [arg for arg in args[:1] if isinstance(arg, ops.CharmBase)]
            charm = charm_or_latest(*given or [kwargs.get('charm')])
            known = instances(charm.framework)
            if cls not in known:
                known[cls] = super().__call__(*args, **kwargs)
            return known[cls]


class BaseCoordinator(metaclass=Singleton):
    """Locks by name: a unit asks for one, and has it for a dispatch when its turn has come.

    Args:
        charm: the charm; without it, the one that is being constructed.
        relation: the peer relation that carries the coordination. Without it `coordinator`, or the
            only peer relation that the charm has.
        relation_key: where the original library kept its requests, so that they are taken over.
        peer_relation_name: an older name for `relation`.

    Raises:
        PeerRelationError: there is no such peer relation in `charmcraft.yaml`, or it is not clear
            which one to use.
    """

    limits: dict[str, int]
    """How many units may be inside a lock at once, where that is not 1."""

    def __init__(
        self,
        charm: ops.CharmBase | None = None,
        *,
        relation: str | None = None,
        relation_key: str = 'coordinator',
        peer_relation_name: str | None = None,
    ):
        charm = charm_or_latest(charm)
        endpoint = _endpoint(charm, relation or peer_relation_name)
        self.limits = {}
        self._charm = charm
        dispatches: dict[str, Dispatch] = charm.framework.__dict__.setdefault(DISPATCHES, {})
        if endpoint not in dispatches:
            dispatches[endpoint] = Dispatch(charm, endpoint)
        self._dispatch = dispatches[endpoint]
        self._dispatch.coordinators.append(self)
        self._local = LocalState(charm.charm_dir / f'.charmhelpers.coordinator.{self._name()}')
        self._original = Original(self._dispatch, relation_key)

    # -- a unit's own side

    def acquire(self, lock: str) -> bool:
        """Ask for a lock; True where the unit has it now, for the rest of this dispatch.

        A request that waits already serves this one too. False: not yet; ask again in a later
        hook.
        """
        started, waits_for = self._dispatch.start(lock)
        if started:
            self.msg('Acquired {}', lock)
            return True
        if waits_for is None:
            self.request(lock)
            self.msg('Requested {}', lock)
        else:
            self.msg('Waiting on {}: {}', lock, waits_for)
        return False

    def request(self, lock: str) -> int:
        """Ask for a turn that comes in a later hook; gives the number of the request."""
        at = self._asked_at(lock) or datetime.now(timezone.utc).strftime(TIME)
        return self._dispatch.hook.request(lock, json.dumps({'at': at}))

    def granted(self, lock: str) -> bool:
        """Whether the unit has the lock now. Where it is its turn, the turn begins with this."""
        return self._dispatch.start(lock)[0]

    def requested(self, lock: str) -> bool:
        """Whether a request of this unit is not served yet."""
        newest, done, _, _ = self._dispatch.hook.counters(lock)
        return newest > done

    def request_timestamp(self, lock: str) -> datetime | None:
        """When this unit asked, in UTC and without a time zone; None where it has not.

        It is for people to read: no clock decides whose turn it is.
        """
        at = self._asked_at(lock)
        try:
            return datetime.strptime(at, TIME) if at else None
        except ValueError:
            return None

    def withdraw(self, lock: str) -> bool:
        """Take back what this unit has asked for; the turn goes on to the next.

        False where nothing waits, or where it is under way in this dispatch.
        """
        return self._dispatch.hook.withdraw(lock)

    def hold(self, lock: str, reason: str) -> None:
        """Keep the lock beyond this dispatch: nothing behind this unit starts."""
        turn = self._dispatch.turns.get(lock)
        if turn is None:
            raise CoordinatorError(f'{self._charm.unit.name} does not have the lock {lock}')
        turn.kept = reason

    def require(
        self, lock: str, guard_func: Callable[..., Any], *guard_args: Any, **guard_kw: Any
    ) -> Callable[[Callable[P, R]], Callable[P, R | None]]:
        """Decorate a function so that it runs only while the unit has the lock.

        The lock is asked for when `guard_func(*guard_args, **guard_kw)` is true. Without the lock
        the function is not called, and None returned.
        """

        def decorator(function: Callable[P, R]) -> Callable[P, R | None]:
            @functools.wraps(function)
            def wrapper(*args: P.args, **kwargs: P.kwargs) -> R | None:
                if self.granted(lock) or (
                    guard_func(*guard_args, **guard_kw) and self.acquire(lock)
                ):
                    return function(*args, **kwargs)
                return None

            return wrapper

        return decorator

    # -- the dispatch

    def initialize(self) -> None:
        """Look at the line. The earlier in the dispatch, the better; again does nothing."""
        _ = self._dispatch.hook

    def handle(self) -> None:
        """Take part, as the leader too: the line is kept at the end of the dispatch."""
        self.initialize()

    def msg(self, msg: str, *args: object) -> None:
        """Log a message. Override it to have more or less of them."""
        logger.info('coordinator.%s %s', self._name(), msg.format(*args))

    # -- the leader's side

    def grant(self, lock: str, unit: str) -> bool:
        """Say, on the leader, whether a unit has or gets a lock; on other units False.

        What is granted now reaches the unit when this hook has succeeded.
        """
        if not self._dispatch.hook.is_leader:
            return False
        granted = self._dispatch.inside().get(lock, set())
        if unit in granted:
            return True
        queue = self._queue(lock, granted)
        return unit in queue and self._grant_function(lock)(lock, unit, granted, queue)

    def default_grant(self, lock: str, unit: str, granted: set[str], queue: list[str]) -> bool:
        """Decide, on the leader, whether a unit gets a lock now: one at a time, the first first.

        Override it, or define a method `grant_<lock>` for one lock, to decide otherwise. Then each
        turn takes a hook of the leader's; without it units go on by themselves.

        Args:
            lock: the lock.
            unit: the unit that asks; never in `granted`, always in `queue`.
            granted: the units that have the lock, or will when they come to it.
            queue: the units that wait, in the order in which they would go.
        """
        return unit == queue[0] and not granted

    def released(self, unit: str, lock: str, timestamp: datetime) -> None:
        """Called on the leader when it sees that a unit has ended its turn.

        Override it for bookkeeping. A leader that is new to it hears only of turns that end from
        then on.

        Args:
            unit: the unit whose turn has ended.
            lock: the lock.
            timestamp: when the leader saw it, in UTC and without a time zone.
        """

    # -- what the dispatch asks of its coordinators

    @property
    def has_policy(self) -> bool:
        """Whether the class decides itself who gets a lock."""
        cls = type(self)
        own = cls.default_grant not in (BaseCoordinator.default_grant, Serial.default_grant)
        return own or any(name.startswith('grant_') for name in dir(cls))

    def decides(self, lock: str) -> bool:
        """Whether the class decides itself who gets this lock."""
        return self._grant_function(lock).__func__ not in (  # type: ignore[attr-defined]
            BaseCoordinator.default_grant,
            Serial.default_grant,
        )

    @property
    def hears_releases(self) -> bool:
        """Whether the class wants to hear of turns that have ended."""
        return type(self).released is not BaseCoordinator.released

    def granted_now(self, lock: str, granted: set[str], queue: list[str]) -> list[str]:
        """The units of the queue that get the lock now."""
        function = self._grant_function(lock)
        inside, waiting = set(granted), list(queue)
        now: list[str] = []
        for unit in queue:
            if function(lock, unit, set(inside), list(waiting)):
                inside.add(unit)
                waiting.remove(unit)
                now.append(unit)
        return now

    def held_elsewhere(self) -> set[str]:
        """The locks that other units hold by grants of the original library."""
        return set(self._original.holders())

    def take_over(self, hook: Hook) -> None:
        """Take over what this unit asked for by other ways than a ticket."""
        found = self._local.load()
        if hook.has_relation:
            found = {**found, **self._original.take_requests()}
        for lock, at in sorted(found.items()):
            self.msg('Taking over the request for {} of {}', lock, at)
            hook.request(lock, json.dumps({'at': at}))

    def turn_ends(self, lock: str, turn: Turn) -> None:
        """Decide whether the unit keeps a turn that this dispatch has used."""

    def before_release(self, hook: Hook) -> None:
        """Keep the requests in the local file while no relation is there to publish them."""
        if hook.has_relation:
            self._dispatch.at_end(lambda: self._local.save({}))
            return
        locks = json.loads(hook.status())['locks']
        own = [lock for lock, state in locks.items() if state['units'][0]['place'] == 'requested']
        self._local.save({lock: self._asked_at(lock) or '' for lock in own})

    def _grant_function(self, lock: str) -> Callable[[str, str, set[str], list[str]], bool]:
        name = f'grant_{lock}'
        return getattr(self, name.replace('-', '_'), self.default_grant)

    def _asked_at(self, lock: str) -> str | None:
        asked = json.loads(self._dispatch.hook.asked(lock) or 'null')
        return asked.get('at') if isinstance(asked, dict) else None  # pyright: ignore

    def _queue(self, lock: str, granted: set[str]) -> list[str]:
        locks = json.loads(self._dispatch.hook.status())['locks']
        units = locks.get(lock, {'units': []})['units']
        waits = [unit['unit'] for unit in units if unit['place'] == 'requested']
        return [unit for unit in waits if unit not in granted]

    def _name(self) -> str:
        return type(self).__name__


class Serial(BaseCoordinator):
    """One unit at a time has a lock, and the first that asked is the first that gets it."""


def _endpoint(charm: ops.CharmBase, wanted: str | None) -> str:
    declared = sorted(charm.meta.peers)
    if wanted is None and 'coordinator' in declared:
        return 'coordinator'
    if wanted is None and len(declared) == 1:
        return declared[0]
    if wanted in declared:
        return wanted
    if wanted is None and declared:
        raise PeerRelationError(
            f'the charm has several peer relations ({", ".join(declared)}); say which one carries '
            f"the coordination, as in relation='{declared[0]}'"
        )
    name = wanted or 'coordinator'
    raise PeerRelationError(
        f"the charm declares no peer relation '{name}'; add to its charmcraft.yaml (or "
        f'metadata.yaml):\n  peers:\n    {name}:\n      interface: coordinator'
    )
