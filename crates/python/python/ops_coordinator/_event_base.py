"""What a restart event carries, and the form in which the framework stores it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import ops

from ._plain import plain_context, service_names


class RestartEventBase(ops.EventBase):
    """The content of a restart event: a context, and the services to restart."""

    def __init__(self, handle: ops.Handle, ctx: Any = None, services: Iterable[str] = ()):
        super().__init__(handle)
        self._ctx = plain_context(ctx)
        self._services = service_names(services)

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
