"""Lock names: maps any name that a charm uses to a valid name in the line."""

from __future__ import annotations

import hashlib
import re

import ops

from ._error import brief
from ._native import is_lock_name

_OWNERS = '_ops_coordinator_owners'


def lock_key(name: str) -> str:
    """Return a lock's name in the line.

    It is the name itself where that is valid: 1 to 32 of a-z, 0-9, - and _, beginning with a
    letter. Any other text is carried as its letters and digits with a part of its digest, which
    keeps two names apart that differ in nothing else.

    Raises:
        TypeError: The name is not text.
        ValueError: The name is empty.
    """
    if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f'a lock name must be a string, not {brief(name)}')
    if name.isascii() and is_lock_name(name):
        return name
    if not name.strip():
        raise ValueError(f'invalid lock name {brief(name)}: it is empty')
    digest = hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]
    plain = re.sub('[^a-z0-9]+', '-', name.lower()).strip('-')
    start = plain if plain[:1].isalpha() else f'lock-{plain}'
    return f'{start[:23].strip("-")}-{digest}'


class LockNames:
    """What the charm calls its locks, and which of its coordinators uses each."""

    def __init__(self, framework: ops.Framework):
        self._names: dict[str, str] = {}
        # A lock that is asked for on another of the charm's peer relations has moved there.
        self._owners: dict[str, type] = framework.__dict__.setdefault(_OWNERS, {})

    def claim(self, lock: str, name: str, coordinator: type) -> type:
        """Return the owner of a lock: the coordinator class that was the first to claim it.

        Raises:
            ValueError: The charm has another name for the same lock in the line.
        """
        known = self._names.get(lock, lock)
        if known not in (lock, name):
            raise ValueError(
                f'the locks {brief(known)} and {brief(name)} are too similar: rename one'
            )
        self._names[lock] = name
        return self._owners.setdefault(lock, coordinator)

    def owner(self, lock: str) -> type | None:
        """Return the coordinator class that has claimed a lock in this dispatch."""
        return self._owners.get(lock)

    def name_of(self, lock: str) -> str:
        """Return what the charm calls a lock."""
        return self._names.get(lock, lock)

    def learn(self, lock: str, name: str | None) -> None:
        """Note what a charm calls a lock, if it says so."""
        if name:
            self._names.setdefault(lock, name)
