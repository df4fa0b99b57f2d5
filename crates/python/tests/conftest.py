"""Several units of a charm, hook by hook, on `ops.testing`."""

import dataclasses
import importlib
import itertools
import json
import logging
import os
import shutil
from unittest import mock

import ops
import pytest
from ops import testing
from ops.log import JujuLogHandler

module = importlib.import_module('ops_coordinator.ops_coordinator')


@dataclasses.dataclass
class Unit:
    """What one unit keeps between its hooks."""

    bag: dict = dataclasses.field(default_factory=dict)
    deferred: list = dataclasses.field(default_factory=list)
    stored_states: list = dataclasses.field(default_factory=list)
    events: int = 0


class Application:
    """An application of some units, the first of which leads."""

    def __init__(
        self,
        directory,
        charm_type,
        units,
        *,
        meta=None,
        config=None,
        actions=None,
        containers=(),
        endpoint='coordinator',
    ):
        self.endpoint = endpoint
        self.directory = directory
        self.charm_type = charm_type
        self.meta = {
            'name': 'app',
            'peers': {endpoint: {'interface': 'coordinator'}},
            **(meta or {}),
        }
        self.options = config or {}
        self.actions = actions or {}
        self.containers = containers
        self.app_bag = {}
        self.units = {number: Unit() for number in range(units)}
        self.leader = 0
        self.joined = True
        self.config = {}
        self.others = []
        """Relations with other applications."""
        self.secrets = []

    def root(self, number):
        """The unit's charm directory."""
        root = self.directory / f'unit-{number}'
        root.mkdir(exist_ok=True)
        return root

    def state(self, number):
        """What the unit sees."""
        unit = self.units[number]
        peers = {other: dict(u.bag) for other, u in self.units.items() if other != number}
        relation = testing.PeerRelation(
            self.endpoint,
            id=7,
            local_app_data=dict(self.app_bag),
            local_unit_data=dict(unit.bag),
            peers_data=peers,
        )
        return testing.State(
            leader=number == self.leader,
            relations=[relation, *self.others] if self.joined else self.others,
            secrets=self.secrets,
            config=self.config,
            containers=self.containers,
            deferred=unit.deferred,
            stored_states=unit.stored_states,
        )

    def hook(
        self, number, name='update_status', *, about=None, commit=True, action=False, params=None
    ):
        """Run one hook or action of a unit; without `commit` Juju refuses what it wrote."""
        # An older ops.testing leaves this behind when a charm raises.
        os.environ.pop('OPERATOR_DISPATCH', None)
        context = testing.Context(
            self.charm_type,
            meta=self.meta,
            config={'options': self.options},
            actions=self.actions,
            app_name='app',
            unit_id=number,
            charm_root=self.root(number),
        )
        state = self.state(number)
        if action:
            event = context.on.action(name, params=params or {})
        else:
            event = getattr(context.on, name)
            event = event() if about is None else event(state.get_relation(7), remote_unit=about)
        unit = self.units[number]
        # ops.testing begins to number the events anew in each hook, as no real unit does.
        numbers = itertools.count(unit.events + 1)
        with mock.patch.object(ops.Framework, '_next_event_key', lambda _: str(next(numbers))):
            out = context.run(event, state)
        unit.events = next(numbers)
        unit.deferred, unit.stored_states = list(out.deferred), list(out.stored_states)
        if commit and self.joined:
            relation = out.get_relation(7)
            unit.bag = dict(relation.local_unit_data)
            if number == self.leader:
                self.app_bag = dict(relation.local_app_data)
                self.others = [out.get_relation(other.id) for other in self.others]
                self.secrets = list(out.secrets)
        return context

    def failing_hook(self, number, name='update_status', **options):
        """Run one hook of a unit; gives what the charm raised."""
        with pytest.raises(testing.errors.UncaughtCharmError) as caught:
            self.hook(number, name, **options)
        return caught.value.__cause__

    def new_pod(self, number):
        """Let a unit come back with its databag and without its files."""
        shutil.rmtree(self.root(number))
        unit = self.units[number]
        unit.deferred, unit.stored_states = [], []

    def everybody(self, name='update_status'):
        """Run one hook of each unit."""
        for number in self.units:
            self.hook(number, name)


class Services:
    """Stands in for systemd: what was restarted, where and in which order."""

    def __init__(self):
        self.restarted = []
        self.broken = set()

    def restart(self, service):
        """Restart a service."""
        if service in self.broken:
            raise module.ServiceRestartError(
                unit='app/0', service=service, found='it is failed', log=['no such port']
            )
        self.restarted.append(service)
        return True


@pytest.fixture(autouse=True)
def services(monkeypatch):
    """No test touches the machine's services."""
    fake = Services()
    monkeypatch.setattr(module, 'service_restart', fake.restart)
    return fake


@pytest.fixture(autouse=True)
def _fresh_log():
    """Take away the log handlers that an older ops.testing adds in each hook and leaves behind."""
    yield
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, JujuLogHandler)]:
        root.removeHandler(handler)


@pytest.fixture
def application(tmp_path):
    """Make an application of a charm."""

    def make(charm_type, units=1, **options):
        return Application(tmp_path, charm_type, units, **options)

    return make


@pytest.fixture
def born(application, monkeypatch):
    """Make an application whose units have met: each has published its record."""

    def make(charm_type, units, **options):
        if int(ops.__version__.split('.')[0]) < 3:
            pytest.skip('this ops.testing does not say which hook runs, as Juju does')
        app = application(charm_type, units, **options)
        hook = 'coordinator-relation-created'
        with monkeypatch.context() as patched:
            patched.setenv('JUJU_HOOK_NAME', hook)
            for number in app.units:
                create(app, number)
        return app

    return make


def create(app, number):
    """Run the hook in which a unit's peer relation is created."""
    context = testing.Context(
        app.charm_type,
        meta=app.meta,
        config={'options': app.options},
        app_name='app',
        unit_id=number,
        charm_root=app.root(number),
    )
    state = app.state(number)
    out = context.run(context.on.relation_created(state.get_relation(7)), state)
    app.units[number].bag = dict(out.get_relation(7).local_unit_data)


def charm(handler, *, emit=None, **options):
    """A charm that asks for a restart in config-changed, and handles it as given."""

    class Charm(ops.CharmBase):
        on = module.RestartCharmEvent()

        def __init__(self, framework):
            super().__init__(framework)
            framework.observe(self.on.config_changed, self._on_config_changed)
            framework.observe(self.on.restart_event, self._on_restart)
            self.coordinator = module.OpsCoordinator(self, **options)

        def _on_config_changed(self, _):
            if emit is None:
                self.on.restart_event.emit({}, services=['web'])
            else:
                emit(self)

        def _on_restart(self, event):
            handler(self, event)

    return Charm


def restart_or_defer(_, event):
    """What most charms do."""
    if not event.restart():
        event.defer()


def record(app, number, lock='restart'):
    """What a unit publishes of a lock."""
    return json.loads(app.units[number].bag['ops-coordinator'])['locks'][lock]


def counters(app, number, lock='restart'):
    """A unit's newest request for a lock, the newest finished one, and how the last one ended."""
    kept = record(app, number, lock)
    return kept['seq'], kept['done'], kept.get('outcome')


def line(app, lock='restart'):
    """The units in a lock's line, by number."""
    value = json.loads(app.app_bag['ops-coordinator'])
    return [int(e['unit'].split('/')[1]) for e in value['locks'].get(lock, {}).get('line', ())]
