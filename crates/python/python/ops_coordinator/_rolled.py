"""What a campaign has every unit restart: an event that each of them emits in its turn."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, cast

import ops

from ._event_base import RestartEventBase
from ._restarts import restart_source

KEY = 'restart'
"""The key of it among what is said of a request."""


class Rolled:
    """A restart event that a campaign has every unit emit."""

    def __init__(self, name: str, content: RestartEventBase):
        self._name, self._content = name, content

    @classmethod
    def new(cls, name: str, ctx: Any, services: Iterable[str]) -> Rolled:
        """Make one.

        Raises:
            TypeError: `ctx` or `services` contains a value that cannot be stored.
            ValueError: The same, or systemd does not allow a service's name.
        """
        return cls(name, RestartEventBase(ops.Handle(None, name, '0'), ctx, services))

    def to_text(self) -> str:
        """Return it as text, for other units and other hooks."""
        return json.dumps({'event': self._name, **self._content.snapshot()})

    def emit(self, on: ops.CharmEvents) -> bool:
        """Emit the event at the end of this dispatch; return whether the charm has it."""
        source = restart_source(on, self._name)
        if source is None:
            return False
        source.emit(self._content.ctx, self._content.services)
        return True


def rolled_in(context: str | None, services: Sequence[str]) -> Rolled | None:
    """Return what a campaign gives, None if it is nothing that a restart event can carry.

    Args:
        context: The campaign's context, as JSON.
        services: What is restarted in a campaign that gives nothing at all.
    """
    given: object = json.loads(context or 'null')
    if given is None:
        return Rolled.new('restart_event', None, services) if services else None
    text = cast('dict[str, object]', given).get(KEY) if isinstance(given, dict) else None
    return rolled_from(text) if isinstance(text, str) else None


def rolled_from(text: str) -> Rolled | None:
    """Return what `to_text` has returned, None if it is nothing that an event can carry."""
    try:
        content: Any = json.loads(text)
        name = str(content['event'])
        event = RestartEventBase(ops.Handle(None, name, '0'))
        event.restore(content)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return Rolled(name, event)
