"""The interface of charmhelpers' coordinator, where the documents promise it."""

import subprocess

import ops
import pytest
from conftest import counters
from ops_coordinator import BaseCoordinator, CoordinatorError, OpsCoordinator, Serial, Singleton
from ops_coordinator._lock_name import lock_key
from ops_coordinator.ops_coordinator import service_reload, service_resume


def run(application, step, *, meta=None):
    """Run a step in the `__init__` of a charm."""

    class Charm(ops.CharmBase):
        def __init__(self, framework):
            super().__init__(framework)
            step(self)

    app = application(Charm, meta=meta)
    app.hook(0)
    return app


PEERS = {'peers': {name: {'interface': name} for name in ('cluster', 'coordinator')}}


def test_arguments_are_taken_by_place_as_in_charmhelpers(application):
    def step(c):
        locks = Serial('mine', 'cluster')
        assert (locks.key, locks.relname) == ('mine', 'cluster')

        class Another(Serial):
            pass

        locks = Another(c, 'ours', 'cluster')
        assert (locks.key, locks.relname, locks.relid) == ('ours', 'cluster', None)

    run(application, step, meta=PEERS)


def test_the_relation_is_told_by_its_id(application):
    run(application, lambda c: check(Serial(c)))


def check(locks):
    assert (locks.relname, locks.relid) == ('coordinator', 'coordinator:7')
    assert isinstance(type(locks), Singleton)
    assert issubclass(Serial, BaseCoordinator)


def test_messages_may_hold_braces(application):
    said = []

    class Mine(Serial):
        def msg(self, msg):
            said.append(msg)

    def step(c):
        Mine(c).acquire('a{0}b{nothing}')
        Serial(c).msg('{} and {x}')

    app = run(application, step)
    assert said == ['Requested a{0}b{nothing}']
    context = app.hook(0)
    assert any('coordinator.Serial {} and {x}' in log.message for log in context.juju_log)


@pytest.mark.parametrize('name', ['Rolling Restart', 'restart', '2nd', '\u00e4' * 99])
def test_any_text_may_be_the_name_of_a_lock(application, name):
    had = []

    class Charm(ops.CharmBase):
        def __init__(self, framework):
            super().__init__(framework)
            framework.observe(self.on.update_status, self._step)

        def _step(self, _):
            had.append(Serial(self).acquire(name))

    app = application(Charm)
    app.hook(0)
    app.hook(0)
    assert had == [False, True]
    assert counters(app, 0, lock_key(name)) == (1, 1, 'done')


def test_names_that_differ_stay_different():
    assert lock_key('Rolling Restart').startswith('rolling-restart-')
    assert lock_key('restart') == 'restart'
    names = ['Rolling Restart', 'rolling restart', 'rolling-restart', 'x' * 40, 'x' * 41, '!', '?']
    names += ['\u00e4', '\u00f6', '-a', '_a', '9']
    keys = [lock_key(name) for name in names]
    assert len(set(keys)) == len(names)
    assert all(len(key) <= 32 and key[0].isalpha() and key.islower() for key in keys)


def test_a_coordinator_made_again_with_other_arguments_is_an_error(application):
    def step(c):
        made = OpsCoordinator(c, limit=2)
        assert OpsCoordinator() is OpsCoordinator(c) is OpsCoordinator(c, limit=2) is made
        with pytest.raises(
            CoordinatorError, match=r'already has its OpsCoordinator with limit=2; .*limit=3'
        ):
            OpsCoordinator(c, limit=3)
        with pytest.raises(CoordinatorError, match='cannot also have release_on_defer=True'):
            OpsCoordinator(c, release_on_defer=True)

    run(application, step)


def test_two_names_for_the_peer_relation_must_be_one(application):
    def step(c):
        with pytest.raises(ValueError, match="relation='cluster' and peer_relation_name='coord"):
            OpsCoordinator(c, relation='cluster', peer_relation_name='coordinator')
        OpsCoordinator(c, relation='cluster', peer_relation_name='cluster')

    run(application, step, meta=PEERS)


def test_the_charm_of_an_earlier_test_is_never_picked_up(application):
    kept = []
    run(application, lambda c: kept.append((c, OpsCoordinator())))
    with pytest.raises(CoordinatorError, match='which charm is this coordinator for'):
        OpsCoordinator()

    class Charm(ops.CharmBase):
        def __init__(self, framework):
            super().__init__(framework)
            assert OpsCoordinator()._charm is self

    application(Charm).hook(0)


@pytest.fixture
def systemctl(monkeypatch):
    """What was asked of systemd, and what fails."""
    calls, failing = [], set()

    def run(command, **_):
        calls.append(command[1])
        return subprocess.CompletedProcess(command, int(command[1] in failing))

    monkeypatch.setattr(subprocess, 'run', run)
    return calls, failing


def test_a_service_is_reloaded_or_restarted_where_it_cannot(systemctl):
    calls, failing = systemctl
    assert service_reload('web') is True
    failing.add('reload')
    assert service_reload('web') is False
    assert service_reload('web', restart_on_failure=True) is True
    assert calls == ['reload', 'reload', 'reload', 'restart']


def test_a_service_is_resumed(systemctl):
    calls, failing = systemctl
    failing.add('is-active')
    assert service_resume('web') is True
    assert calls == ['unmask', 'enable', 'is-active', 'start']
