"""What a restart event carries, and the form in which the framework stores it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, cast

import ops

from ._error import brief
from ._native import is_service_name


class RestartEventBase(ops.EventBase):
    """The content of a restart event: a context, and the services to restart."""

    def __init__(self, handle: ops.Handle, ctx: Any = None, services: Iterable[str] = ()):
        super().__init__(handle)
        self._ctx = _plain_context(ctx)
        self._services = _service_names(services)

    @property
    def ctx(self) -> Any:
        """The value passed to `emit`."""
        return self._ctx

    @property
    def services(self) -> list[str]:
        """The services to restart."""
        return self._services

    @property
    def svc(self) -> list[str]:
        """The services to restart, by their older name."""
        return self._services

    # The snapshot has the form of the original library's, so that each of the two understands the
    # events that the other one deferred, before or after a refresh.

    def snapshot(self) -> dict[str, Any]:
        """Return the event's state for the framework to store.

        Returns:
            The context as JSON, and the names of the services, separated by commas.
        """
        return {'ctx': json.dumps(self._ctx, sort_keys=True), 'svc': ','.join(self._services)}

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Restore the event from the state that the framework stored.

        Args:
            snapshot: The result of `snapshot`, here or in the original library.
        """
        ctx = snapshot.get('ctx')
        try:
            self._ctx = json.loads(ctx) if isinstance(ctx, str) else ctx
        except ValueError:
            self._ctx = ctx
        self._services = [name for name in snapshot.get('svc', '').split(',') if name]


def _plain_context(ctx: object) -> Any:
    """Return a copy of a context, with JSON-serialisable values only.

    Raises:
        TypeError: It contains a value that JSON cannot represent, or a key that is not a string.
        ValueError: It contains a number that JSON cannot represent, or itself.
    """
    try:
        return _plain(ctx)
    except RecursionError:
        raise ValueError(
            'ctx is nested too deeply, or contains itself; it is stored as JSON, so use plain '
            'values'
        ) from None


def _plain(value: object) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f'ctx contains {value}; it is stored as JSON, which has no {value}')
        return float(value)
    if isinstance(value, Mapping):
        return {
            _key(key): _plain(kept) for key, kept in cast('Mapping[object, object]', value).items()
        }
    # The lists and sets of a `StoredState` are neither lists nor sets.
    if isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray)):
        return [_plain(kept) for kept in cast('Iterable[object]', value)]
    raise TypeError(
        f'ctx contains a value of type {type(value).__name__}; it is stored as JSON, so use plain '
        'values'
    )


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(
            f'ctx has the key {brief(key)}; it is stored as JSON, so keys must be strings'
        )
    return str.__str__(key)


def _service_names(services: object) -> list[str]:
    """Return a copy of a list of names of services.

    Raises:
        TypeError: It is not a list, or contains something other than text.
        ValueError: It contains a name that systemd does not allow.
    """
    if isinstance(services, str):
        raise TypeError(f'services must be a list of names, as in services=[{brief(services)}]')
    if isinstance(services, (bytes, bytearray, Mapping)) or not isinstance(services, Iterable):
        given = cast('object', services)
        raise TypeError(f'services must be a list of names, not {brief(given)}')
    names: list[str] = []
    for name in cast('Iterable[object]', services):
        if not isinstance(name, str):
            raise TypeError(f'services contains {brief(name)}; a service name must be a string')
        if not is_service_name(name):
            raise ValueError(
                f'invalid service name {brief(name)} in services: use letters, digits and :_.@-\\'
            )
        names.append(str.__str__(name))
    return names
