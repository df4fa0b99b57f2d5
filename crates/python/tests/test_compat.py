"""The adapters: the names of other libraries, and what they do here."""

import subprocess
import sys
from typing import ClassVar

import ops
import pytest
from ops import testing
from ops_coordinator.compat import charmhelpers, rolling_ops_v0, rolling_ops_v1
from ops_coordinator.compat import rollingops as charmlibs
from rolling import OURS, Rolling

RESULT = rolling_ops_v1.OperationResult


def on_v0(**options):
    """A charm on v0's names."""

    class Charm(ops.CharmBase):
        ran: ClassVar = []
        answers: ClassVar = []
        ask = lambda charm: charm.on['restart'].acquire_lock.emit()  # noqa: E731
        look = lambda charm: None  # noqa: E731

        def __init__(self, framework):
            super().__init__(framework)
            self.manager = rolling_ops_v0.RollingOpsManager(
                charm=self, relation='restart', callback=self._restart, **options
            )
            framework.observe(self.on.config_changed, self._on_config_changed)
            framework.observe(self.on.collect_unit_status, self._on_collect_unit_status)

        def _on_config_changed(self, _):
            type(self).ask(self)

        def _on_collect_unit_status(self, _):
            type(self).look(self)

        def _restart(self, event):
            self._run('restart', event)

        def _custom_restart(self, event):
            self._run('custom', event)

        def _run(self, name, event):
            self.ran.append((self.unit.name, name))
            answer = self.answers.pop(0) if self.answers else None
            if answer:
                answer(self, event)

    return Charm


def two_on_v0(application, *answers):
    """Two units on v0's names that both wait, app/1 in front."""
    charm = on_v0()
    charm.answers = list(answers)
    app = application(charm, 3, endpoint='restart')
    for number in (1, 2):
        app.hook(number, 'config_changed')
    app.hook(0)
    return charm, app


def units(charm):
    """Which units have run something, in order."""
    return [unit for unit, _ in charm.ran]


def test_v0_runs_the_callback_with_an_event_in_the_units_turn(application):
    events = []
    charm, app = two_on_v0(application, lambda _, event: events.append(event))
    app.hook(2)
    assert charm.ran == []
    app.hook(1)
    app.hook(2)
    assert charm.ran == [('app/1', 'restart'), ('app/2', 'restart')]
    assert isinstance(events[0], rolling_ops_v0.RunWithLock)


def test_v0_runs_the_method_that_a_request_names(application):
    charm = on_v0()
    charm.ask = lambda c: c.on['restart'].acquire_lock.emit(callback_override='_custom_restart')
    app = application(charm, 1, endpoint='restart')
    app.hook(0, 'config_changed')
    app.hook(0)
    assert charm.ran == [('app/0', 'custom')]


def test_v0_gives_each_request_a_turn_where_v0_forgets_all_but_the_last(application):
    charm = on_v0()

    def ask(c):
        for name in ('', '_custom_restart'):
            c.on['restart'].acquire_lock.emit(callback_override=name)

    charm.ask = ask
    app = application(charm, 1, endpoint='restart')
    app.hook(0, 'config_changed')
    app.hook(0)
    app.hook(0)
    assert [name for _, name in charm.ran] == ['restart', 'custom']


def test_v0_keeps_the_turn_of_a_callback_that_defers(application):
    charm, app = two_on_v0(application, lambda _, event: event.defer())
    app.hook(1)
    assert app.units[1].deferred == [], 'ops does not deliver it again by itself'
    app.hook(2)
    assert units(charm) == ['app/1']
    app.hook(1)
    app.hook(2)
    assert units(charm) == ['app/1', 'app/1', 'app/2']


def test_v0_fails_the_hook_of_a_callback_that_raises(application):
    def fail(*_):
        raise RuntimeError('no such port')

    charm, app = two_on_v0(application, fail)
    assert str(app.failing_hook(1)) == 'no such port'
    app.hook(2)
    assert units(charm) == ['app/1']
    app.hook(1)
    app.hook(2)
    assert units(charm) == ['app/1', 'app/1', 'app/2']


def test_v0_serves_a_request_from_inside_the_callback(application):
    charm = on_v0()
    charm.answers = [lambda c, _: c.on['restart'].acquire_lock.emit()]
    app = application(charm, 1, endpoint='restart')
    app.hook(0, 'config_changed')
    app.hook(0)
    app.hook(0)
    assert len(charm.ran) == 2


def test_v0_keeps_a_request_until_there_is_a_relation(application):
    charm = on_v0()
    app = application(charm, 1, endpoint='restart')
    app.joined = False
    app.hook(0, 'config_changed')
    app.joined = True
    app.hook(0)
    app.hook(0)
    assert len(charm.ran) == 1


def test_v0_runs_nothing_out_of_turn(application, caplog):
    charm = on_v0()
    charm.look = lambda c: c.on['restart'].run_with_lock.emit()
    app = application(charm, 1, endpoint='restart')
    app.hook(0)
    assert charm.ran == []
    assert 'it is not the turn of this unit' in caplog.text


def test_v0_leaves_the_statuses_alone(application):
    charm = on_v0()
    context = testing.Context(
        charm, meta={'name': 'app', 'peers': {'restart': {'interface': 'rolling_op'}}}
    )
    relation = testing.PeerRelation('restart')
    before = testing.BlockedStatus('by the charm')
    state = testing.State(leader=True, relations=[relation], unit_status=before)
    state = context.run(context.on.config_changed(), state)
    state = context.run(context.on.update_status(), state)
    assert state.unit_status == before


def test_v0_shows_where_units_stand(application):
    charm, app = two_on_v0(application)
    seen = []

    def look(c):
        locks = rolling_ops_v0.Locks(c.manager)
        seen[:] = [(one.unit.name, one.is_held(), one.is_pending()) for one in locks]

    charm.look = look
    app.hook(2)
    assert seen == [('app/0', False, False), ('app/1', True, False), ('app/2', False, True)]
    app.joined = False

    def refused(c):
        with pytest.raises(rolling_ops_v0.LockNoRelationError):
            rolling_ops_v0.Lock(c.manager)

    charm.look = refused
    app.hook(2)


def on_v1():
    """A charm on v1's names."""

    class Charm(ops.CharmBase):
        ran: ClassVar = []
        answers: ClassVar = []
        ask = lambda charm: None  # noqa: E731

        def __init__(self, framework):
            super().__init__(framework)
            self.manager = rolling_ops_v1.RollingOpsManagerV1(
                charm=self, relation_name='restart', callback_targets={'restart': self._restart}
            )
            framework.observe(self.on.config_changed, self._on_config_changed)

        def _on_config_changed(self, _):
            type(self).ask(self)

        def _restart(self, **kwargs):
            self.ran.append((self.unit.name, kwargs))
            return self.answers.pop(0) if self.answers else None

    return Charm


def test_v1_runs_a_callback_with_its_kwargs_and_retries_it(application):
    charm = on_v1()
    charm.answers = [RESULT.RETRY_HOLD, RESULT.RETRY_RELEASE, RESULT.RELEASE]
    charm.ask = lambda c: c.manager.request_async_lock('restart', {'n': 1}, max_retry=0)
    app = application(charm, 1, endpoint='restart')
    app.hook(0, 'config_changed')
    app.hook(0)
    app.hook(0)
    assert charm.ran == [('app/0', {'n': 1})]


@pytest.mark.parametrize(
    ('ask', 'kind'),
    [
        (lambda m: m.request_async_lock('x'), 'RollingOpsInvalidLockRequestError'),
        (lambda m: m.request_async_lock('restart', 'x'), 'RollingOpsInvalidLockRequestError'),
        (lambda m: m.request_async_lock('restart', {}, -1), 'RollingOpsInvalidLockRequestError'),
    ],
)
def test_v1_refuses_what_cannot_be_served(application, ask, kind):
    charm = on_v1()
    charm.ask = lambda c: ask(c.manager)
    error = application(charm, 1, endpoint='restart').failing_hook(0, 'config_changed')
    assert type(error) is getattr(rolling_ops_v1, kind)


def test_v1_tells_that_there_is_no_relation_yet(application):
    charm = on_v1()
    charm.ask = lambda c: c.manager.request_async_lock('restart')
    app = application(charm, 1, endpoint='restart')
    app.joined = False
    error = app.failing_hook(0, 'config_changed')
    assert type(error) is rolling_ops_v1.RollingOpsNoRelationError


def test_charmlibs_accepts_a_relation_to_etcd_as_long_as_there_is_none(application):
    roll = Rolling(application, OURS, etcd_relation_name='etcd', cluster_id='c')
    roll.app.meta['requires'] = {'etcd': {'interface': 'etcd_client'}}
    roll.ask(1)
    roll.settle(3)
    assert roll.units() == [1]


def related(cluster_id):
    """A charm that is related to etcd, and what it runs in."""
    options = {'etcd_relation_name': 'etcd', 'cluster_id': cluster_id}
    charm = Rolling(lambda *_, **__: None, OURS, **options).charm
    meta = {
        'name': 'app',
        'peers': {'restart': {'interface': 'rolling_op'}},
        'requires': {'etcd': {'interface': 'etcd_client'}},
    }
    context = testing.Context(charm, meta=meta)
    state = testing.State(relations=[testing.Relation('etcd'), testing.PeerRelation('restart')])
    return context, state


def test_charmlibs_refuses_to_run_beside_an_etcd_that_it_cannot_use():
    context, state = related('c')
    with pytest.raises(testing.errors.UncaughtCharmError) as caught:
        context.run(context.on.update_status(), state)
    error = caught.value.__cause__
    assert isinstance(error, charmlibs.RollingOpsEtcdNotConfiguredError)
    assert 'is related to etcd as etcd' in str(error)
    assert 'let the charm install ops-coordinator[etcd]' in str(error)


@pytest.mark.parametrize(('cluster_id', 'backend'), [('c', 'etcd'), (None, 'peer')])
def test_charmlibs_shares_a_lock_in_etcd_with_its_cluster(monkeypatch, cluster_id, backend):
    monkeypatch.setattr('ops_coordinator._shared.etcd_command', lambda: '/bin/true')
    context, state = related(cluster_id)
    with context(context.on.update_status(), state) as manager:
        assert manager.charm.manager.state.processing_backend == backend


def test_charmlibs_refuses_a_cluster_without_etcd(application):
    error = Rolling(application, OURS, cluster_id='c').failing_hook(0)
    assert isinstance(error, ValueError)


def test_a_charm_that_moves_on_uses_the_turns_below(application):
    roll = Rolling(application, OURS)
    roll.charm.ask = lambda c: c.manager.turns.request('rotate')
    roll.ask(1)
    roll.settle(3)
    assert roll.names() == ['rotate']


def test_charmhelpers_names_are_the_coordinators_themselves():
    import ops_coordinator

    assert charmhelpers.Serial is ops_coordinator.Serial
    assert callable(charmhelpers.BaseCoordinator.require)


def test_the_package_does_not_import_its_adapters():
    code = (
        'import sys, ops_coordinator; '
        '[getattr(ops_coordinator, name) for name in ops_coordinator.__all__]; '
        'print([name for name in sys.modules if "compat" in name and "ops_c" in name or '
        '"ops_coordinator.testing" in name])'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '[]'
