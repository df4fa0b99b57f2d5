"""The local state file: requests made while the unit had no peer relation."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from pathlib import Path
from typing import cast

logger = logging.getLogger(__name__)


class LocalState:
    """The file in which the original library stored a unit's requests: `{lock: time}`, as JSON.

    It is written for those who read it, and so that nothing is lost when a charm moves from the
    original library to this one, or back, before its peer relation exists.
    """

    def __init__(self, path: Path):
        self._path = path

    def load(self) -> dict[str, str]:
        """Return the requests in the file. Rename an unreadable file, with a warning."""
        try:
            text = self._path.read_bytes().decode()
            return requests(json.loads(text))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            aside = self._path.with_name(f'{self._path.name}.unreadable')
            self._path.replace(aside)
            logger.warning(
                'renamed the unreadable state file %s to %s: %s', self._path, aside, error
            )
            return {}

    def save(self, requests: dict[str, str]) -> None:
        """Replace the file atomically, readable by its owner only; remove it without requests."""
        if not requests:
            self._path.unlink(missing_ok=True)
            return
        replace_file(self._path, json.dumps(requests, sort_keys=True))


def requests(content: object) -> dict[str, str]:
    """Check and return what the original library wrote.

    Raises:
        ValueError: It is not a mapping from locks to times.
    """
    if isinstance(content, dict):
        pairs = cast('dict[object, object]', content).items()
        if all(isinstance(key, str) and isinstance(value, str) for key, value in pairs):
            return cast('dict[str, str]', content)
    raise ValueError('it is not a mapping from locks to times')


def replace_file(path: Path, text: str) -> None:
    """Replace a file atomically, readable by its owner only."""
    make_directory(path.parent)
    # mkstemp makes a file that only its owner can read.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f'{path.name}.')
    try:
        with os.fdopen(handle, 'w', encoding='utf-8') as file:
            file.write(text)
            file.flush()
            os.fsync(handle)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def make_directory(path: Path) -> None:
    """Make a directory, with those above it, that only its owner can read."""
    if not path.is_dir():
        make_directory(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
