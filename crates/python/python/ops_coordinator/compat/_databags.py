"""What the rolling-ops libraries leave in the databags, and what becomes of it here.

All of them let the leader grant a lock in the application's databag, and units ask for it in their
own. While a charm is refreshed, units with the old code and with the new code meet:

- A unit with the new code takes its own requests over, and leaves the other library nothing to
  do.
- A leader with the new code lets nobody in while a unit with the old code may act on a grant.
  After that it grants the old library's lock to itself, for good: should a unit with the old code
  come to lead, it finds the lock taken and lets nobody in beside those who take turns here. Back
  on the old code, the unit that has it finds nothing to do, and gives it back in update-status.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Mapping, MutableMapping
from datetime import datetime
from typing import Any, cast

import ops

from .._dispatch import Dispatch
from .._model import Model
from .._operation import Operation
from .._queue_part import Predecessor

logger = logging.getLogger(__name__)

NEVER = '9999999999'
"""When the old library's lock was granted for good: later than anything that runs."""

_REFRESHED = 'refreshed-from-rolling-ops'

Bag = MutableMapping[str, str]


class RollingOps(Predecessor):
    """The data of charmlibs-rollingops, and of the charm library rolling_ops v1 and v0.

    Args:
        dispatch: The dispatch.
        resolve: Gives an operation's name here, for the name of v0's callback; an empty name
            stands for the usual one.
        is_v0: Whether units with the old code have v0, which stumbles over what the others write.
    """

    def __init__(self, dispatch: Dispatch, resolve: Callable[[str], str], *, is_v0: bool = False):
        self._dispatch, self._resolve, self._is_v0 = dispatch, resolve, is_v0

    def take_operations(self) -> list[Operation]:
        """Take over this unit's requests, and leave nothing that the old library would act on."""
        refreshed = os.environ.get('JUJU_DISPATCH_PATH', '').endswith('upgrade-charm')
        if refreshed and self._dispatch.own_record() is None:
            # It may have had the old code, and others may still have it.
            self._dispatch.remember(_REFRESHED, True)
        bag, app = self._bags()
        if app.get('granted_unit') == self._unit.name and app.get('granted_at') == NEVER:
            # What stands in our own databag then is ours.
            return []
        state = bag.get('state', '')
        found = waiting_in(bag, self._resolve)
        if bag.get('operations'):
            bag['operations'] = ''
        if state == 'acquire':
            bag['state'] = 'release'
            self._end_status()
        elif state in ('request', 'retry-release'):
            bag['state'] = 'idle'
        elif state == 'retry-hold' and found:
            # It holds the lock until this has run: it may be in the middle of something.
            found[0].content['holds'] = True
        for operation in found:
            logger.info('taking over %s, which was requested with another library', operation.name)
        if found or state:
            self._dispatch.remember(_REFRESHED, True)
        return found

    def _end_status(self) -> None:
        """End the status with which v0 says that this unit waits: nobody else ever would."""
        name = self._dispatch.endpoint
        if self._unit.status.message in (
            f'Awaiting {name} operation',
            f'Executing {name} operation',
        ):
            self._unit.status = ops.ActiveStatus()

    def settle(self, waiting: list[Operation]) -> None:
        """Give the old lock back once the operation has run for which this unit has held it."""
        bag, _ = self._bags()
        if bag.get('state') == 'retry-hold' and not any('holds' in one.content for one in waiting):
            bag['state'] = 'idle'

    def lead(self) -> str | None:
        """Return the unit that may hold the old lock; once none does, take it for good."""
        _, app = self._bags()
        granted = app.get('granted_unit', '')
        v0 = [name for name in app if name.startswith('<ops.model.Unit ') and app[name]]
        if not granted and not v0 and not self._dispatch.recall(_REFRESHED):
            # The usual case: no other library has ever been here.
            return None
        if app.get('granted_at') == NEVER and self._is_here(granted):
            return None
        if self._is_held(granted):
            return granted
        holder = self._holder_in_v0(app, v0)
        if holder is None:
            self._take(app, v0)
        return holder

    def _take(self, app: Bag, v0: list[str]) -> None:
        bag, _ = self._bags()
        uses_v0 = (
            self._is_v0
            or bool(v0)
            or any(
                other.get('state') in ('acquire', 'release') for other in self._others().values()
            )
        )
        uses_v0 = uses_v0 or bag.get('state') in ('acquire', 'release')
        for name in v0:
            app[name] = ''
        if uses_v0:
            # Granted, and not given back: so it is held, for v0.
            app[repr(self._unit)] = 'granted'
            bag['state'] = 'acquire'
        else:
            bag['state'] = 'request'
        app.update({'granted_unit': self._unit.name, 'granted_at': NEVER})

    def _is_held(self, unit: str) -> bool:
        """Return whether a unit with the old code may act on a grant, or is in the middle of it.

        No clock has a say in it, nor whether it has run since: as long as it wants anything, the
        grant may be for that.
        """
        if not unit:
            return False
        own, _ = self._bags()
        if unit == self._unit.name:
            return own.get('state') == 'retry-hold'
        bag = self._others().get(unit)
        if bag is None:
            return unit in self._living()
        return bag.get('state', '') in ('request', 'retry-release', 'retry-hold')

    def _holder_in_v0(self, app: Mapping[str, str], names: list[str]) -> str | None:
        for unit, bag in self._others().items():
            name = f'<ops.model.Unit {unit}>'
            if name in names and app[name] == 'granted' and bag.get('state') == 'acquire':
                return unit
        return None

    def _is_here(self, unit: str) -> bool:
        return unit == self._unit.name or unit in self._others()

    def _living(self) -> Mapping[str, object]:
        code, said, _ = Model(self._dispatch.charm, self._dispatch.endpoint)(
            'goal-state', [], None
        )
        return {} if code else json.loads(said)['units']

    @property
    def _unit(self) -> ops.Unit:
        return self._dispatch.charm.unit

    def _bags(self) -> tuple[Bag, Bag]:
        relation = self._dispatch.relation
        if relation is None:
            return {}, {}
        return relation.data[self._unit], relation.data[self._dispatch.charm.app]

    def _others(self) -> dict[str, Mapping[str, str]]:
        relation = self._dispatch.relation
        return {unit.name: relation.data[unit] for unit in relation.units} if relation else {}


def waiting_in(bag: Mapping[str, str], resolve: Callable[[str], str]) -> list[Operation]:
    """Return the operations that wait in a unit's databag, for whichever of the libraries.

    What cannot be read is left out, with a warning: it keeps nobody else from running.
    """
    if bag.get('state') == 'acquire' and not bag.get('operations'):
        name = resolve(bag.get('callback_override', ''))
        return [Operation({'op': name, 'id': os.urandom(6).hex(), 'at': int(time.time())})]
    text = bag.get('operations') or '[]'
    try:
        listed: object = json.loads(text)
        if not isinstance(listed, list):
            raise ValueError('it is not a list')
    except ValueError as error:
        logger.warning('leaving out what was requested with another library: %s', error)
        return []
    found = map(_operation_or_none, cast('list[object]', listed))
    return [operation for operation in found if operation is not None]


def _operation_or_none(entry: object) -> Operation | None:
    try:
        return _operation(entry)
    except (ValueError, TypeError, KeyError) as error:
        logger.warning('leaving out a request of another library, %r: %s', entry, error)
        return None


def _operation(entry: Any) -> Operation:
    """Return an operation from an entry: v1 writes text where charmlibs has a mapping."""
    if isinstance(entry, str):
        entry = json.loads(entry)
        entry['kwargs'] = json.loads(entry.get('kwargs') or '{}')
        most = entry.get('max_retry')
        entry['max_retry'] = int(most) if most else None
    content: dict[str, Any] = {
        'op': str(entry['callback_id']),
        'id': os.urandom(6).hex(),
        'at': _seconds(str(entry.get('requested_at', ''))),
    }
    if entry.get('kwargs'):
        content['kwargs'] = dict(entry['kwargs'])
    if entry.get('max_retry') is not None:
        content['max-retry'] = int(entry['max_retry'])
    if int(entry.get('attempt') or 0):
        content['retries'] = int(entry['attempt'])
    return Operation(content)


def _seconds(text: str) -> int:
    """Return a time as v1 or charmlibs writes it, in seconds since 1970; now, if unreadable."""
    try:
        return int(datetime.fromisoformat(text).timestamp() if 'T' in text else float(text))
    except (ValueError, OverflowError):
        return int(time.time())
