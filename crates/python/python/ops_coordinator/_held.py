"""A lock in etcd that a hook itself holds while a block of its code runs."""

from __future__ import annotations

import json
import logging
import os
import select
import subprocess
import time
from contextlib import AbstractContextManager, ExitStack, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

import ops

from ._endpoint import openers_of
from ._error import CoordinatorError
from ._etcd_command import etcd_command
from ._guard import (
    Guard,
    Lease,
    SharedLockTimeoutError,
    SharedLockUnreachableError,
    SharedTurn,
    milliseconds_now,
    said_by_test,
    turn_of,
)

if TYPE_CHECKING:
    from ._native import Hook

logger = logging.getLogger(__name__)

_HELD = '_ops_coordinator_held'
_GLANCE = 0.1
"""How often it is seen whether the deputy has the turn, in seconds."""
_LATE = 5_000
"""How much later than its time the command may say that it is up, in milliseconds."""
_TIMED_OUT = 124
_PREFIX = 'ops-coordinator/'
_FAREWELL = 15
"""How many seconds the command has to give the lock back."""


class Declared(Protocol):
    """What is declared of a shared lock."""

    @property
    def name(self) -> str:
        """The lock in etcd."""
        ...

    @property
    def prefix(self) -> str | None:
        """What its keys begin with."""
        ...

    @property
    def relation(self) -> str | None:
        """The endpoint of the relation with etcd."""
        ...

    @property
    def optional(self) -> bool:
        """Whether it is needed only while there is that relation."""
        ...

    @property
    def said(self) -> str:
        """All of it, as the native module takes it."""
        ...


class Held(AbstractContextManager['SharedTurn | None']):
    """Holds a shared lock while its block runs."""

    def __init__(self, charm: ops.CharmBase, shared: Declared, timeout: int | None):
        self._charm, self._shared, self._timeout = charm, shared, timeout
        self._held: dict[tuple[str, str], tuple[Lease, str]] = charm.framework.__dict__.setdefault(
            _HELD, {}
        )
        self._ends = ExitStack()

    def __enter__(self) -> SharedTurn | None:
        """Wait for the lock, and take it.

        Returns:
            Its turn; None if the lock is optional and the block goes without it.

        Raises:
            SharedLockTimeoutError: It was not to be had in time.
            SharedLockUnreachableError: It is not known where etcd is.
            SharedLockLostError: It was lost at once.
            CoordinatorError: The command is not installed, or this unit's state cannot be read.
        """
        with ExitStack() as ends:
            found = self._enter(ends)
            self._ends = ends.pop_all()
        return found

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the lock back.

        Raises:
            SharedLockLostError: It was lost meanwhile, and nothing else was raised.
        """
        self._ends.__exit__(kind, error, trace)

    def _enter(self, ends: ExitStack) -> SharedTurn | None:
        name = self._shared.name
        place = (self._shared.prefix or _PREFIX, name)
        if place in self._held:
            # This process has it, and would wait for itself.
            lease, lock = self._held[place]
        else:
            found = self._take(ends)
            if found is None:
                return None
            lease, lock = self._held[place] = found
            ends.callback(self._held.pop, place)
        ends.enter_context(Guard(lease, lock, name))
        token, left, grace = turn_of(lease, lock, name) or (0, 0, 0)
        return SharedTurn(token, (left - grace) / 1000)

    def _take(self, ends: ExitStack) -> tuple[Lease, str] | None:
        name = self._shared.name
        said = said_by_test(name)
        if said is not None:
            return self._take_in_test(said)
        hook = self._hook()
        way, what = hook.way_to_shared(self._shared.said)
        if way == 'without':
            logger.info('%s: %s', name, what)
            return None
        if way == 'closed':
            raise SharedLockUnreachableError(what)
        logger.info('%s: waiting for it in etcd', name)
        if way == 'turn':
            # The unit's deputy has it, or stands in line for it; behind that we would wait for
            # ourselves.
            self._await_own_turn(hook, what)
            return hook, what
        holder = _Holder(
            [etcd_command(), 'hold', self._charm.unit.name], what, name, self._timeout
        )
        return ends.enter_context(holder), name

    def _hook(self) -> Hook:
        for opener in openers_of(self._charm).values():
            return opener()
        raise CoordinatorError(
            f'{self._shared.name}: the charm has no coordinator that needs it: create its Turns, '
            'OpsCoordinator or Serial with a Policy(shared=...) before it holds the lock itself'
        )

    def _take_in_test(self, said: int | str) -> tuple[Lease, str] | None:
        relation = self._shared.relation
        if self._shared.optional and relation and not self._charm.model.relations[relation]:
            return None
        if isinstance(said, str):
            raise _timed_out(self._shared.name, self._timeout, said)
        return _Nobody(), self._shared.name

    def _await_own_turn(self, hook: Hook, lock: str) -> None:
        over = None if self._timeout is None else milliseconds_now() + self._timeout
        while True:
            found = hook.shared_turn(lock)
            if found is not None and found[1] > found[2]:
                return
            if over is not None and milliseconds_now() >= over:
                why = hook.shared_in_words(lock) or 'its own operation has yet to have it'
                raise _timed_out(self._shared.name, self._timeout, why)
            time.sleep(_GLANCE)


class _Nobody:
    """The lease of a test, which the test's machine knows."""

    def shared_turn(self, lock: str) -> tuple[int, int, int] | None:
        return None


class _Holder:
    """The command that stands in line and keeps the lease; it ends with this process."""

    def __init__(self, command: list[str], lock: str, name: str, timeout: int | None):
        self._command, self._line, self._name, self._timeout = command, lock, name, timeout
        if timeout is not None:
            self._command = [*command, '--timeout', f'{timeout}ms']
        self._rest = b''
        self._said: dict[str, Any] = {}
        self._ended = False

    def __enter__(self) -> _Holder:
        with ExitStack() as ends:
            self._process = subprocess.Popen(
                self._command,
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            ends.callback(self._give_back)
            self._begin()
            ends.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._give_back()

    def shared_turn(self, lock: str) -> tuple[int, int, int] | None:
        self._listen(0)
        if self._ended or 'token' not in self._said:
            return None
        left = max(self._said['until'] - milliseconds_now(), 0)
        return self._said['token'], left, self._said['ttl'] // 3

    def _begin(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        # If it is dead already, its end says so.
        with suppress(BrokenPipeError):
            self._process.stdin.write(self._line.encode() + b'\n')
        # It knows the time itself; if it is stopped, this process still does.
        over = None if self._timeout is None else milliseconds_now() + self._timeout + _LATE
        while 'token' not in self._said:
            self._listen(500)
            if self._ended and self._process.wait() != _TIMED_OUT:
                why = self._said.get('error') or 'the command in line for it has ended'
                raise CoordinatorError(f'{self._name}: {why}')
            if self._ended or (over is not None and milliseconds_now() >= over):
                why = self._said.get('trouble') or self._said.get('waits') or 'no answer'
                raise _timed_out(self._name, self._timeout, why)

    def _listen(self, milliseconds: int) -> None:
        """Read what it has said; wait so long for it to say something."""
        out = self._process.stdout
        assert out is not None
        poll = select.poll()
        poll.register(out, select.POLLIN | select.POLLHUP)
        while not self._ended and poll.poll(milliseconds):
            milliseconds = 0
            heard = os.read(out.fileno(), 65536)
            self._ended = not heard
            *lines, self._rest = (self._rest + heard).split(b'\n')
            for line in lines:
                said = json.loads(line)
                if 'waits' in said:
                    self._said.pop('trouble', None)
                self._said.update(said)

    def _give_back(self) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        # What it reads is the end.
        self._process.stdin.close()
        try:
            self._process.wait(_FAREWELL)
        except subprocess.TimeoutExpired:
            # Its lease ends by itself.
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def _timed_out(name: str, timeout: int | None, why: str) -> SharedLockTimeoutError:
    within = 'it' if timeout is None else f'it within {timeout / 1000:g} s'
    return SharedLockTimeoutError(f'{name}: did not get {within}: {why}')
