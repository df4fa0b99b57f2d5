"""What a restart event carries, and the form in which the framework stores it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

import ops

from ._error import brief
from ._native import is_service_name
from ._plain import plain


class RestartEventBase(ops.EventBase):
    """The content of a restart event: a context, and the services to restart."""

    def __init__(self, handle: ops.Handle, ctx: Any = None, services: Iterable[str] = ()):
        super().__init__(handle)
        self._ctx = plain(ctx, 'ctx')
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
