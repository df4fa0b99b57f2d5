"""Lock names: maps any name that a charm uses to a valid name in the line."""

from __future__ import annotations

import hashlib
import re

_FITS = re.compile(r'[a-z][a-z0-9_-]{0,31}')


def lock_key(name: str) -> str:
    """Return a lock's name in the line.

    It is the name itself where that fits: 1 to 32 of a-z, 0-9, - and _, beginning with a letter.
    Any other text is carried as its letters and digits with a part of its digest, which keeps
    two names apart that differ in nothing else.

    Raises:
        TypeError: The name is not text.
        ValueError: The name is empty.
    """
    if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f'a lock name must be a string, not {name!r}')
    if _FITS.fullmatch(name):
        return name
    if not name.strip():
        raise ValueError(f'invalid lock name {name!r}: it is empty')
    digest = hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]
    plain = re.sub('[^a-z0-9]+', '-', name.lower()).strip('-')
    start = plain if plain[:1].isalpha() else f'lock-{plain}'
    return f'{start[:23].strip("-")}-{digest}'
