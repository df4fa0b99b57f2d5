"""Which peer relation carries the coordination, where a charm has several."""

import dataclasses
import itertools
import json

import ops
import pytest
from conftest import charm as conftest_charm
from conftest import restart_or_defer
from ops import testing
from ops_coordinator import OpsCoordinator, PeerRelationError, RestartCharmEvent, Serial
from ops_coordinator._native import Hook

KEY = 'ops-coordinator'


class Unit:
    """One unit that leads, with some peer relations, hook by hook."""

    def __init__(self, root, make):
        self.root, self.make = root, make
        root.mkdir()
        self.state = testing.State(leader=True)
        self.ids = itertools.count(20)

    def hook(self, *declared, name='update_status', make=None):
        """Run a hook of a charm that declares these peer relations."""
        make = make or self.make

        class Charm(ops.CharmBase):
            on = RestartCharmEvent()

            def __init__(self, framework):
                super().__init__(framework)
                framework.observe(self.on.config_changed, self._on_config_changed)
                framework.observe(self.on.restart_event, self._on_restart)
                self.coordinator = make(self)

            def _on_config_changed(self, _):
                self.on.restart_event.emit({}, services=['web'])

            def _on_restart(self, event):
                restart_or_defer(self, event)

        known = {relation.endpoint: relation for relation in self.state.relations}
        relations = [
            known.get(endpoint) or testing.PeerRelation(endpoint, id=next(self.ids))
            for endpoint in declared
        ]
        context = testing.Context(
            Charm,
            meta={'name': 'app', 'peers': {e: {'interface': e} for e in declared}},
            app_name='app',
            unit_id=0,
            charm_root=self.root,
        )
        state = dataclasses.replace(self.state, relations=relations)
        self.state = context.run(getattr(context.on, name)(), state)
        return [log.message for log in context.juju_log if log.level == 'WARNING']

    def used(self):
        """The peer relations in whose databags something is."""
        found = [r for r in self.state.relations if KEY in r.local_unit_data]
        return sorted(relation.endpoint for relation in found)


@pytest.fixture
def unit(tmp_path):
    """Make a unit of a charm that makes its coordinator like this."""
    return lambda make=OpsCoordinator: Unit(tmp_path / 'unit', make)


def test_two_endpoints_in_one_charm_work_side_by_side(unit, services, monkeypatch):
    """Within one hook of Juju, which ops.testing does not tell by itself."""
    monkeypatch.setattr('ops_coordinator._dispatch.sys.executable', 'true')

    def begun_now(*args, **options):
        # Not with this process, which has run other tests for longer than a hook may take.
        return Hook(*args, **{**options, 'from_process_start': False})

    monkeypatch.setattr('ops_coordinator._dispatch.Hook', begun_now)
    had = []

    def make(charm):
        locks = Serial(charm, relation='b')
        had.append(locks.acquire('backup'))
        return OpsCoordinator(charm, relation='a')

    app = unit(make)
    for number, name in enumerate(['config_changed', 'update_status', 'update_status']):
        monkeypatch.setenv('JUJU_CONTEXT_ID', f'app/0-{name}-{number}')
        assert app.hook('a', 'b', name=name) == []
    assert services.restarted == ['web']
    assert had == [False, True, False]
    assert app.used() == ['a', 'b']
    kept = {relation.endpoint: relation.local_unit_data[KEY] for relation in app.state.relations}
    assert list(json.loads(kept['a'])['locks']) == ['restart']
    assert list(json.loads(kept['b'])['locks']) == ['backup']


def test_a_refresh_that_adds_an_endpoint_changes_nothing_and_says_so(unit, services):
    app = unit()
    app.hook('cluster', name='config_changed')
    warnings = app.hook('cluster', 'coordinator', name='upgrade_charm')
    assert services.restarted == ['web'], 'by the line that it was in'
    assert app.used() == ['cluster']
    assert len(warnings) == 1
    assert "the coordination stays on the peer relation 'cluster'" in warnings[0]
    assert "a new charm would use 'coordinator'" in warnings[0]
    app.hook('cluster', 'coordinator', name='config_changed')
    app.hook('cluster', 'coordinator')
    assert services.restarted == ['web', 'web']
    assert app.used() == ['cluster']


def test_a_pod_without_its_files_finds_the_endpoint_in_the_databags(unit, services):
    app = unit()
    app.hook('cluster', name='config_changed')
    for path in sorted(app.root.rglob('*'), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    app.hook('cluster', 'coordinator', name='upgrade_charm')
    app.hook('cluster', 'coordinator', name='config_changed')
    assert app.used() == ['cluster']


def test_two_new_endpoints_are_no_question_while_the_old_one_is_there(unit):
    app = unit()
    app.hook('cluster', name='config_changed')
    app.hook('another', 'cluster', 'third', name='upgrade_charm')
    assert app.used() == ['cluster']


def test_an_endpoint_that_a_refresh_has_removed_is_forgotten(unit):
    app = unit()
    app.hook('cluster', name='config_changed')
    app.hook('coordinator', name='config_changed')
    assert app.used() == ['coordinator']
    assert app.hook('cluster', 'coordinator') == [], 'and is no reason to go back'


def test_a_charm_that_names_another_endpoint_gets_it(unit, services):
    app = unit()
    app.hook('cluster', name='config_changed')
    for name in ('upgrade_charm', 'config_changed', 'update_status', 'update_status'):
        warnings = app.hook(
            'cluster', 'new', name=name, make=lambda c: OpsCoordinator(c, relation='new')
        )
        assert not [text for text in warnings if 'stays on' in text]
    assert services.restarted
    for _ in range(3):
        app.hook('cluster', 'new', make=lambda c: OpsCoordinator(c, relation='new'))
    app.hook('cluster', 'new', name='config_changed')
    assert 'new' in app.used(), 'and goes on with it, also where it names none later'


def test_what_is_left_on_an_endpoint_of_before_has_a_claimant_or_is_withdrawn(unit, services):
    """The refresh names another endpoint and has no handler for the event any more."""
    app = unit()
    app.hook('cluster', name='config_changed')
    app.state = dataclasses.replace(app.state, deferred=[])
    for _ in range(3):
        app.hook('cluster', 'new', make=lambda c: OpsCoordinator(c, relation='new'))
    cluster = app.state.get_relations('cluster')[0]
    kept = json.loads(cluster.local_unit_data[KEY])['locks']['restart']
    assert (kept['seq'], kept['done'], kept['outcome']) == (1, 1, 'withdrawn')
    assert services.restarted == []


def test_of_two_endpoints_the_one_that_has_no_name_in_the_charm_is_remembered(unit):
    def make(charm):
        coordinator = OpsCoordinator(charm)
        Serial(charm, relation='aside')
        return coordinator

    app = unit(make)
    app.hook('aside', 'cluster', 'coordinator', name='config_changed', make=named_cluster)
    app.hook('aside', 'cluster', 'coordinator', name='update_status', make=make)
    assert (app.root / '.ops-coordinator' / 'endpoint').read_text() == 'cluster'


def named_cluster(charm):
    """A coordinator of a charm that names its relation."""
    return OpsCoordinator(charm, relation='cluster')


def test_a_restart_that_is_asked_for_in_the_commit_is_not_lost(application, services):
    class Charm(conftest_charm(restart_or_defer)):
        def __init__(self, framework):
            super().__init__(framework)
            framework.observe(framework.on.pre_commit, self._on_pre_commit)

        def _on_pre_commit(self, _):
            if not (self.charm_dir / 'asked').exists():
                (self.charm_dir / 'asked').touch()
                self.on.restart_event.emit({}, services=['web'])

    app = application(Charm)
    for _ in range(3):
        app.hook(0)
    assert services.restarted == ['web']


def test_several_endpoints_and_no_name_are_an_error_on_a_new_unit(unit):
    with pytest.raises(testing.errors.UncaughtCharmError) as caught:
        unit().hook('another', 'third')
    assert isinstance(caught.value.__cause__, PeerRelationError)
