"""How units take turns for a lock: what a charm declares."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, cast

from ._error import brief
from ._native import LIMIT_MAX, Rules, declared

if TYPE_CHECKING:
    from ._shared import SharedLock

_LOOKAHEAD_MAX = 32

_ONE_OF_TWO = (
    'max_unavailable needs available, a function that tells whether this unit is available, and '
    'available is for max_unavailable: pass both, or neither'
)


class Policy:
    """How units take turns for a lock, and when.

    Give it to a coordinator once, as in
    `OpsCoordinator(self, policy=Policy(limit='25%', waves='zone'))`.

    Args:
        limit: How many units may be inside at once: 1 to 100, or a percentage of the application's
            units such as `'25%'`, rounded down, but at least one. A lower limit holds at once,
            also for units that are in the line already.
        order: In which order waiting units join the line: `'first-come'`, `'unit-number'`,
            `'leader-last'`, or the names of the units that go first. Or a function that is called
            on the leader when several units could join: it gets their names, in the order in which
            they would, and returns those that go first. If it raises, they join as they come, and
            the log says why. It cannot use the coordinator, and should take two seconds at most:
            the leader is at its line meanwhile.
        waves: `'zone'` lets one availability zone go after the other.
        canary: Whether the first unit that joins an idle line goes alone.
        lookahead: How many units to keep in the line beyond those that may be inside, 0 to 32.
        window: When an operation may begin, such as `'Mon-Fri 02:00-05:00 Europe/London'`; or
            several of these.
        blocker: A function that is called just before an operation would begin. It returns why it
            may not begin, or None if it may. It cannot use the coordinator.
        max_unavailable: How many units may be unavailable at once, those in the line included: 1
            to 100, or a percentage, rounded down, but at least one. While there are as many, only
            units that are unavailable join the line, so that their turn can repair them. It needs
            `available`.
        available: A function that is called at the end of each dispatch, to tell the other units
            whether this one is available. It returns None or True if it is; it returns why not,
            False, or raises, if it is not. It cannot use the coordinator. Locks on one
            relation that have the same function share its answer; with several functions, the unit
            is available if all say so.
        shared: A lock in etcd that an operation needs as well, and that other applications want.

    Raises:
        TypeError: A value is of the wrong type.
        ValueError: A value is not valid, or only one of `max_unavailable` and `available` is
            given; the message says what is valid.
    """

    # A dataclass would be shorter, but making one takes a sixth of the time of this import.
    __slots__ = ('available', 'blocker', 'rules', 'shared')

    available: Final[Callable[[], bool | str | None] | None]
    blocker: Final[Callable[[], str | None] | None]
    rules: Final[Rules]
    """The rest, as the native module takes it."""
    shared: Final[SharedLock | None]

    def __init__(
        self,
        *,
        limit: int | str = 1,
        order: str | Sequence[str] | Callable[[list[str]], Sequence[str]] = 'first-come',
        waves: str | None = None,
        canary: bool = False,
        lookahead: int = 16,
        window: str | Sequence[str] | None = None,
        blocker: Callable[[], str | None] | None = None,
        max_unavailable: int | str | None = None,
        available: Callable[[], bool | str | None] | None = None,
        shared: SharedLock | None = None,
    ):
        for name, function in ('blocker', blocker), ('available', available):
            if function is not None and not callable(function):
                raise TypeError(f'{name} must be a function, not {brief(function)}')
        most = max_unavailable
        if (most is None) != (available is None):
            raise ValueError(_ONE_OF_TWO)
        if not isinstance(lookahead, int) or isinstance(lookahead, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f'lookahead must be a whole number, not {brief(lookahead)}')
        if not 0 <= lookahead <= _LOOKAHEAD_MAX:
            raise ValueError(f'lookahead must be from 0 to {_LOOKAHEAD_MAX}')
        self.blocker, self.available = blocker, available
        self.shared = None if shared is None else _shared(shared)
        choose = order if callable(order) else None
        self.rules = Rules(
            str(checked_limit(limit)),
            'first-come' if callable(order) else ','.join(_several(order, 'order')),
            waves or 'one',
            canary,
            lookahead,
            _several(window, 'window'),
            None if most is None else str(checked_limit(most, 'max_unavailable')),
            choose,
        )

    @classmethod
    def from_file(cls, charm_dir: str | os.PathLike[str], lock: str = 'restart') -> Policy:
        """Read what the charm's `coordination.toml` declares for one lock.

        Args:
            charm_dir: The directory of the file: the charm's `self.charm_dir`.
            lock: The lock.

        Raises:
            CoordinatorError: There is no such file, it is not valid, or it does not declare the
                lock; or it declares what follows an operation, which are options of `Turns`.
        """
        return cls._read(charm_dir, lock)[lock]

    @classmethod
    def all_from_file(cls, charm_dir: str | os.PathLike[str]) -> dict[str, Policy]:
        """Read what the charm's `coordination.toml` declares for each lock, as for `Serial`.

        Args:
            charm_dir: The directory of the file: the charm's `self.charm_dir`.

        Raises:
            CoordinatorError: As for `from_file`.
        """
        return cls._read(charm_dir, None)

    @classmethod
    def _read(cls, charm_dir: str | os.PathLike[str], lock: str | None) -> dict[str, Policy]:
        found: dict[str, Policy] = {}
        locks = declared(os.fspath(charm_dir), lock)
        for name, (rules, blocker, available, said) in locks.items():
            shared = None
            if said is not None:
                from ._shared import lock_from

                shared = lock_from(said)
            policy = found[name] = cls(blocker=blocker, shared=shared)
            policy.rules = rules  # pyright: ignore[reportAttributeAccessIssue]
            policy.available = available  # pyright: ignore[reportAttributeAccessIssue]
        return found

    def __eq__(self, other: object) -> bool:
        """Whether another policy says the same."""
        if not isinstance(other, Policy):
            return NotImplemented
        return (self.rules, self.blocker, self.available, self.shared) == (
            other.rules,
            other.blocker,
            other.available,
            other.shared,
        )

    def __hash__(self) -> int:
        """Return the same for policies that say the same; those with one blocker share a hash."""
        return hash(self.blocker)


def _shared(shared: object) -> SharedLock:
    # Few charms have one, and each hook of the others would pay for this.
    from ._shared import SharedLock

    if not isinstance(shared, SharedLock):
        raise TypeError(f'shared must be a SharedLock, not {brief(shared)}')
    return shared


def _several(values: str | Sequence[str] | None, name: str) -> list[str]:
    if values is None:
        return []
    several = [values] if isinstance(values, str) else list(values)
    for value in several:
        if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f'{name} must be text or several texts, not {brief(value)}')
    return several


def checked_policies(limit: object, policy: object) -> Policy | dict[str, Policy]:
    """Check and return what a coordinator is given: for all its locks, or for single locks.

    Raises:
        TypeError: A limit is not a number or a percentage, or a policy not a `Policy`.
        ValueError: A limit is not from 1 to 100, or both are given.
    """
    if policy is not None:
        if limit != 1:
            raise ValueError('pass either limit or policy; a Policy has a limit too')
        if isinstance(policy, Mapping):
            given = cast('Mapping[str, object]', policy)
            return {lock: _policy(one) for lock, one in given.items()}
        return _policy(policy)
    if isinstance(limit, Mapping):
        given = cast('Mapping[str, object]', limit)
        names = {lock: f'limit[{brief(lock)}]' for lock in given}
        return {lock: Policy(limit=checked_limit(one, names[lock])) for lock, one in given.items()}
    return Policy(limit=checked_limit(limit))


def _policy(policy: object) -> Policy:
    if not isinstance(policy, Policy):
        raise TypeError(f'policy must be a Policy, not {brief(policy)}')
    return policy


def checked_limit(limit: object, name: str = 'limit') -> int | str:
    """Check and return the limit of a lock.

    Raises:
        TypeError: It is neither a whole number nor a percentage.
        ValueError: It is not from 1 to 100.
    """
    wrong = (
        f'{name} must be a whole number from 1 to {LIMIT_MAX}, or a percentage such as '
        f"'25%', not {brief(limit)}"
    )
    if isinstance(limit, str) and limit.endswith('%'):
        digits = limit[:-1]
        if not (digits.isdecimal() and digits.isascii() and 1 <= int(digits) <= 100):
            raise ValueError(wrong)
        return limit
    return _number(limit, wrong)


def checked_number(limit: object) -> int:
    """Check and return a limit that is a number.

    Raises:
        TypeError: It is not a whole number.
        ValueError: It is not from 1 to 100.
    """
    wrong = f'limit must be a whole number from 1 to {LIMIT_MAX}, not {brief(limit)}'
    return _number(limit, wrong)


def _number(limit: object, wrong: str) -> int:
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise TypeError(wrong)
    if not 1 <= limit <= LIMIT_MAX:
        raise ValueError(wrong)
    return limit
