"""The original library's data in the databags and in the leader settings.

It stored a unit's requests as `{lock: time}` in the unit's databag, and the leader's grants as
`{unit: {lock: time}}` in the leader settings. A grant is valid while both times are equal.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
from pathlib import Path
from typing import Any, cast

import ops

from ._dispatch import Dispatch
from ._local_state import make_directory, requests

logger = logging.getLogger(__name__)


class Original:
    """Migrates, once, the original library's data under a key."""

    def __init__(self, dispatch: Dispatch, key: str):
        self._dispatch = dispatch
        self._key = key

    def take_requests(self) -> dict[str, str] | None:
        """Return this unit's requests, and remove them from its databag: they become tickets.

        None if the databag does not have the original's key. Once the key was found to be absent,
        it is looked for again only after a refresh.
        """
        refreshed = os.environ.get('JUJU_DISPATCH_PATH', '').endswith('upgrade-charm')
        if not refreshed and self._none_left.exists():
            return None
        relation = self._dispatch.relation
        if relation is None:
            return None
        bag = relation.data[self._dispatch.charm.unit]
        found = self._requests(bag)
        if found is None:
            self._dispatch.at_end(self._note_none_left)
            return None
        bag[self._key] = ''
        return found

    def holders(self) -> dict[str, set[str]]:
        """Return the other units with a grant of the original library, by lock."""
        relation = self._dispatch.relation
        if relation is None:
            return {}
        asked = {unit.name: self._requests(relation.data[unit]) or {} for unit in relation.units}
        if not any(asked.values()):
            return {}
        grants = self._grants()
        held: dict[str, set[str]] = {}
        for unit, locks in asked.items():
            for lock, at in locks.items():
                if grants.get(unit, {}).get(lock) == at:
                    held.setdefault(lock, set()).add(unit)
        return held

    @property
    def _none_left(self) -> Path:
        return self._dispatch.state / f'no-original-{self._key}'

    def _note_none_left(self) -> None:
        make_directory(self._none_left.parent)
        self._none_left.touch()

    def _requests(self, bag: ops.RelationDataContent) -> dict[str, str] | None:
        text = bag.get(self._key)
        try:
            return requests(json.loads(text)) if text else None
        except ValueError as error:
            logger.warning(
                "ignoring the databag key %r, which is not the original library's: %s",
                self._key,
                error,
            )
            return None

    def _grants(self) -> dict[str, dict[str, str]]:
        if 'JUJU_CONTEXT_ID' not in os.environ:
            return {}
        command = ['leader-get', '--format=json', self._key]
        try:
            done = subprocess.run(command, capture_output=True, encoding='utf-8', check=True)
        except FileNotFoundError:
            # Juju 4 has no leader settings: the original library never ran there.
            return {}
        text = json.loads(done.stdout or 'null')
        return cast('dict[str, Any]', json.loads(text)) if text else {}
