"""The progress of a turn's restarts, stored on disk."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ._event_base import RestartEventBase
from ._local_state import replace_file


class Progress:
    """The progress of a turn's restarts.

    A hook may fail after a successful restart, and Juju then runs it again: the event is delivered
    again, and its services must not restart a second time. So each restart is on disk before
    anything else happens. It counts for the request with that number, and for events that were
    deferred before it: an event that is emitted after a restart is not part of it.
    """

    def __init__(self, path: Path):
        self._path = path
        self._content: dict[str, Any] | None = None

    @property
    def number(self) -> int:
        """The request whose turn this is about, by number; 0 if there is none."""
        return int(self._load()['request'])

    def used(self, number: int) -> bool:
        """Return whether all services of some event were restarted in the request's turn."""
        return self.number == number and bool(self._load()['used'])

    def served(self, event: RestartEventBase, number: int) -> bool:
        """Return whether all services of the event were restarted in the request's turn."""
        return (
            self.number == number
            and self._load()['events'].get(event.handle.path) == event.snapshot()
        )

    def restarted(self, event: RestartEventBase, number: int) -> set[tuple[str, str]]:
        """Return what was restarted while the event waited, as (container, service)."""
        if self.number != number:
            return set()
        path = event.handle.path
        return {(place, name) for place, name, paths in self._load()['services'] if path in paths}

    def note_service(self, number: int, place: str, service: str, waiting: Iterable[str]) -> None:
        """Record that a service was restarted while these events waited."""
        content = self._of(number)
        paths = set(waiting)
        for known in content['services']:
            if known[:2] == [place, service]:
                known[2] = sorted(paths | set(known[2]))
                break
        else:
            content['services'].append([place, service, sorted(paths)])
        self._save(content)

    def note_served(self, number: int, event: RestartEventBase, *, deferred: bool) -> None:
        """Record that all services of an event were restarted.

        An event that is new to this dispatch is not recorded by its path: if the hook fails,
        another event gets that path.
        """
        content = self._of(number)
        content['used'] = True
        if deferred:
            content['events'][event.handle.path] = event.snapshot()
        self._save(content)

    def forget(self) -> None:
        """Forget all of it: the services are to restart again."""
        self._save(_nothing(0))

    def drop(self, paths: Iterable[str]) -> None:
        """Forget these events, so that their services restart again."""
        gone = set(paths)
        if not gone:
            return
        content = self._load()
        content['events'] = {p: kept for p, kept in content['events'].items() if p not in gone}
        content['services'] = [
            [place, name, sorted(set(waited) - gone)]
            for place, name, waited in content['services']
        ]
        content['used'] = bool(content['events'])
        self._save(content)

    def _of(self, number: int) -> dict[str, Any]:
        return self._load() if self.number == number else _nothing(number)

    def _load(self) -> dict[str, Any]:
        if self._content is None:
            self._content = _nothing(0)
            try:
                found = json.loads(self._path.read_bytes())
                self._content = {
                    key: type(kept)(found[key]) for key, kept in self._content.items()
                }
            except (OSError, ValueError, TypeError, KeyError):
                # At worst a restart is repeated.
                pass
        return self._content

    def _save(self, content: dict[str, Any]) -> None:
        self._content = content
        replace_file(self._path, json.dumps(content, sort_keys=True))


def _nothing(number: int) -> dict[str, Any]:
    return {'request': number, 'used': False, 'events': {}, 'services': []}
