"""What a charm declares of a lock in etcd that operations need beside their turns."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._error import brief
from ._etcd_command import etcd_command
from ._native import checked_shared

if TYPE_CHECKING:
    import ops

    from ._held import Held

_PATHS = ('endpoints_file', 'cacert', 'cert', 'key')


@dataclass(frozen=True)
class SharedLock:
    """A lock in etcd that an operation needs beside its turn.

    Applications whose policies name the same lock take turns, in any model and on any cloud. It
    needs the distribution `ops-coordinator-etcd`: install `ops-coordinator[etcd]`.

    Args:
        name: The lock in etcd: the same name, limit and prefix in all applications.
        endpoints: Where etcd is, as `host`, `host:port`, `http://...` or `https://...`: a text, in
            which commas separate them, or several texts.
        endpoints_file: Instead: a file in the charm's directory into which the charm writes them,
            once it knows them. Until it says something, nothing begins.
        relation: Instead: the endpoint of the relation with the etcd charm (`etcd_client`), which
            says where etcd is and who signed its certificates. Until it does, nothing begins.
            Without `cert` and `key`, the leader also makes a certificate and asks for access.
        optional: Whether operations go without the lock while that relation does not exist: then
            the application's own line alone decides.
        limit: How many units may be inside at once, over all applications, 1 to 1000. If two
            disagree, the lower number counts for both.
        ttl: How long the others wait for a unit that has vanished, and how long an operation may
            go on without etcd: seconds, or text such as `'1m'`; 2 s at least.
        cacert: The authority that signed the servers' certificates, unless a relation says it; a
            path in the charm's directory, as the next two.
        cert: This unit's certificate.
        key: The key of that certificate. Keep it readable for its owner only.
        prefix: What all keys in etcd begin with, by default `ops-coordinator/`. With a relation,
            the range of keys for which access is asked.

    Raises:
        TypeError: A value is of the wrong type.
        ValueError: A value is not valid, or two do not fit each other; the message says which.
    """

    name: str
    endpoints: str | Sequence[str] | None = field(default=None, kw_only=True)
    endpoints_file: str | os.PathLike[str] | None = field(default=None, kw_only=True)
    relation: str | None = field(default=None, kw_only=True)
    optional: bool = field(default=False, kw_only=True)
    limit: int = field(default=1, kw_only=True)
    ttl: int | str = field(default='30s', kw_only=True)
    cacert: str | os.PathLike[str] | None = field(default=None, kw_only=True)
    cert: str | os.PathLike[str] | None = field(default=None, kw_only=True)
    key: str | os.PathLike[str] | None = field(default=None, kw_only=True)
    prefix: str | None = field(default=None, kw_only=True)
    said: str = field(init=False, repr=False)
    """All of it, as the native module takes it."""

    def __post_init__(self) -> None:
        """Check what is given; afterwards, equal locks have equal values."""
        given: dict[str, Any] = {
            'name': _text(self.name, 'name'),
            'limit': _number(self.limit, 'limit'),
            'ttl': self.ttl if isinstance(self.ttl, str) else f'{_number(self.ttl, "ttl")}s',
        }
        if self.prefix is not None:
            given['prefix'] = _text(self.prefix, 'prefix')
        if self.relation is not None:
            given['relation'] = _text(self.relation, 'relation')
        if not isinstance(self.optional, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f'optional must be true or false, not {brief(self.optional)}')
        if self.optional:
            given['optional'] = True
        if self.endpoints is not None:
            given['endpoints'] = _endpoints(self.endpoints)
        for path in _PATHS:
            value: str | os.PathLike[str] | None = getattr(self, path)
            if value is not None:
                given[path.replace('_', '-')] = _text(os.fspath(value), path)
        said = checked_shared(json.dumps(given))
        for name, value in {**_fields(said), 'said': said}.items():
            object.__setattr__(self, name, value)

    def require_command(self) -> Path:
        """Return the command that stands in line in etcd, for a test of the charm's packing.

        Returns:
            Its path.

        Raises:
            CoordinatorError: It is not installed; the message says what to install.
        """
        return Path(etcd_command())

    def held(self, charm: ops.CharmBase, *, timeout: int | str | None) -> Held:
        """Hold this lock while a block of the charm's code runs. It waits, and blocks the hook.

        It is for what cannot wait for a later hook, above all for a unit's last ones::

            with self.shared.held(self, timeout='5m'):
                self._leave_cluster()

        It stands in the line in etcd in which the operations of all applications wait whose policy
        names this lock, so none of them runs meanwhile. If an operation of this unit has the lock,
        or waits for it, that place serves; and so does a block around this one. The lock is given
        back at the end of the block, or when the hook dies.

        If the lock is lost meanwhile, `SharedLockLostError` is raised within the block, as in an
        operation. What the block starts finds the token in `OPS_COORDINATOR_TOKEN`.

        With a `relation`, a policy of the charm must name this lock, so that the leader asks for
        access in time. A unit that is being removed finds etcd where that relation led before.

        Args:
            charm: The charm.
            timeout: For how long to wait: seconds, or text such as `'5m'`; None for no limit.

        Returns:
            A context manager, for one `with` statement. Entering it returns the turn; None if the
            lock is optional and there is no relation, as the block then goes without it. It raises
            `SharedLockTimeoutError`, which is a `TimeoutError`, if the time is up, whatever was in
            the way; `SharedLockUnreachableError` if it is not known where etcd is; and another
            `CoordinatorError` if the command is not installed. Then the block does not run.

        Raises:
            TypeError: The time is neither a whole number nor text.
            ValueError: The time is negative, or not a time.
        """
        from ._check import span_of
        from ._held import Held

        return Held(charm, self, None if timeout is None else span_of(timeout, 'timeout'))


def lock_from(said: str) -> SharedLock:
    """Return the lock that `coordination.toml` declares."""
    return SharedLock(**_fields(said))


def _fields(said: str) -> dict[str, Any]:
    """Return the fields of a lock, from all of it."""
    fields: dict[str, Any] = json.loads(said)
    optional = fields.get('optional', False)
    return {**fields, 'endpoints': tuple(fields['endpoints']) or None, 'optional': optional}


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f'{name} must be text, not {brief(value)}')
    return value


def _number(value: object, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f'{name} must be a whole number, not {brief(value)}')
    if value < 0:
        raise ValueError(f'{name} must not be negative')
    return value


def _endpoints(value: str | Sequence[str]) -> list[str]:
    several = [value] if isinstance(value, str) else list(value)
    return [_text(one, 'an endpoint') for one in several]
