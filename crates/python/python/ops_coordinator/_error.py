"""The package's exceptions."""

from __future__ import annotations

from collections.abc import Sequence

from ._native import CoordinatorError

_SHOWN = 60
"""How many characters of a value an error shows."""


class PeerRelationError(CoordinatorError):
    """The charm declares no peer relation for the coordination, or it is ambiguous which."""


class ServiceRestartError(CoordinatorError):
    """A service did not restart. The unit keeps its turn: nothing behind it in the line starts.

    Args:
        unit: The unit on which it failed.
        service: The service's name.
        found: What happened, in a few words.
        log: The service's last log lines, oldest first.
    """

    unit: str
    """The unit on which it failed."""
    service: str
    """The service's name."""
    found: str
    """What happened, in a few words."""
    log: tuple[str, ...]
    """The service's last log lines, oldest first; empty if none can be read."""

    def __init__(self, *, unit: str, service: str, found: str, log: Sequence[str] = ()):
        self.unit, self.service, self.found, self.log = unit, service, found, tuple(log)
        lines = ''.join(f'\n  | {line}' for line in self.log)
        super().__init__(f'the service {service} did not restart on {unit}: {found}{lines}')


def brief(value: object) -> str:
    """Return a value as an error shows it: all of a short one, the beginning of a long one."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f'{text[:_SHOWN]}... ({len(text)} characters)'
