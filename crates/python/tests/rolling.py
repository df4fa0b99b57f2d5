"""The same charm on charmlibs-rollingops and on our adapter, and what can be seen of it."""

import importlib
import importlib.util
import json
import sys
from typing import ClassVar
from unittest import mock

import ops
import pytest

THEIRS, OURS = 'charmlibs.rollingops', 'ops_coordinator.compat.rollingops'

HAS_THEIRS = bool(
    importlib.util.find_spec('charmlibs') and importlib.util.find_spec('charmlibs.rollingops')
)
"""Whether their library is here. It needs a newer ops than the oldest that we support."""

needs_theirs = pytest.mark.skipif(not HAS_THEIRS, reason='their library needs a newer ops')


def rolling(library, callbacks=('restart', 'rotate'), **options):
    """Make a charm class on a library. What its units have done is in `ran` of the class."""
    names = importlib.import_module(library)

    class Charm(ops.CharmBase):
        lib = names
        ran: ClassVar = []
        seen: ClassVar = []
        answers: ClassVar = {}
        ask = lambda charm: charm.manager.request_async_lock('restart')  # noqa: E731
        look = lambda charm: None  # noqa: E731

        def __init__(self, framework):
            super().__init__(framework)
            own = dict(options)
            if library == THEIRS:
                from charmlibs import pathops

                own['base_dir'] = pathops.LocalPath(self.charm_dir / 'rollingops')
            self.manager = names.RollingOpsManager(
                self,
                callback_targets={name: self._callback(name) for name in callbacks},
                peer_relation_name='restart',
                **own,
            )
            framework.observe(self.on.config_changed, self._on_config_changed)
            framework.observe(self.on.collect_unit_status, self._on_collect_unit_status)

        def _on_config_changed(self, _):
            type(self).ask(self)

        def _on_collect_unit_status(self, event):
            type(self).look(self)
            event.add_status(ops.ActiveStatus())

        def _callback(self, name):
            def run(**kwargs):
                self.ran.append((self.unit.name, name, kwargs))
                answer = self.answers.get(name)
                if isinstance(answer, list):
                    answer = answer.pop(0) if answer else None
                if callable(answer):
                    answer = answer(self)
                if isinstance(answer, Exception):
                    raise answer
                return answer

            return run

    return Charm


class Rolling:
    """An application of such a charm; the other library's worker runs as one more hook."""

    def __init__(self, application, library, units=3, **options):
        self.library = library
        self.charm = rolling(library, **options)
        self.app = application(self.charm, units, endpoint='restart')
        self.started = 0

    def hook(self, number, name='update_status', **options):
        """Run one hook."""
        with self._without_workers():
            return self.app.hook(number, name, **options)

    def failing_hook(self, number, name='update_status'):
        """Run one hook that fails; gives what was raised."""
        with self._without_workers():
            return self.app.failing_hook(number, name)

    def ask(self, *units):
        """Let units ask, one after the other."""
        for number in units:
            self.hook(number, 'config_changed')

    def settle(self, rounds=7):
        """Run hooks as Juju would, until nobody has anything to do."""
        for _ in range(rounds):
            for number in self.app.units:
                self.hook(number, 'relation_changed', about=(number + 1) % len(self.app.units))
                self.hook(number)

    def refresh(self, library=None, **options):
        """Refresh all units to another revision of the charm."""
        self.charm = rolling(library or self.library, **options)
        self.app.charm_type = self.charm

    def units(self):
        """Which units have run something, in order."""
        return [int(unit[4:]) for unit, _, _ in self.charm.ran]

    def names(self):
        """What has run, in order."""
        return [name for _, name, _ in self.charm.ran]

    def bag(self, number):
        """What a unit has published."""
        return self.app.units[number].bag

    def _without_workers(self):
        if self.library != THEIRS:
            return mock.patch.object(sys, 'dont_write_bytecode', True)
        return mock.patch(
            'charmlibs.rollingops._peer._worker.PeerRollingOpsAsyncWorker.start', self._start
        )

    def _start(self, *_):
        self.started += 1


def published(bag):
    """The callbacks that wait on a unit, by either library."""
    ours = json.loads(bag.get('ops-coordinator-queue', '{}')).get('restart', [])
    theirs = json.loads(bag.get('operations') or '[]')
    return [one['op'] for one in ours] + [one['callback_id'] for one in theirs]
