"""What happens around a dispatch: at its start, at its end, and where much is missing."""

import ops
import pytest
from conftest import charm, restart_or_defer
from ops import testing
from ops_coordinator import OpsCoordinator, RestartCharmEvent


def one(application, step, **options):
    """An application of a charm that does one step in its `__init__`, and restarts."""

    class Charm(charm(restart_or_defer)):
        def __init__(self, framework):
            super().__init__(framework)
            step(self)

    return application(Charm, **options)


def nothing(_):
    """No step."""


def test_a_charm_that_says_resume_and_release_twice_does_nothing_twice(application, services):
    def step(c):
        c.coordinator.resume()
        c.coordinator.resume()
        c.coordinator.release()
        c.coordinator.release()

    app = one(application, step)
    app.hook(0, 'config_changed')
    bag = dict(app.app_bag)
    app.hook(0)
    assert services.restarted == ['web']
    app.hook(0)
    assert app.app_bag == bag, 'a finished entry is not worth a write of its own'


def test_a_charm_that_forgets_resume_and_release_loses_nothing(application, services):
    app = one(application, nothing)
    app.hook(0, 'config_changed')
    app.hook(0)
    assert services.restarted == ['web']


def test_release_at_the_end_of_the_process_is_harmless(application, services):
    app = application(charm(restart_or_defer))
    context = testing.Context(app.charm_type, meta=app.meta, charm_root=app.root(0))
    with context(context.on.config_changed(), app.state(0)) as manager:
        manager.run()
        the_charm = manager.charm
    the_charm.coordinator.release()


def test_release_in_a_hook_that_fails_publishes_nothing(application, services):
    def handler(c, event):
        if event.restart():
            c.coordinator.release()
            raise RuntimeError('after release')
        event.defer()

    app = application(charm(handler), units=2)
    for number in (1, 0):
        app.hook(number, 'config_changed')
    bag = dict(app.units[0].bag)
    error = app.failing_hook(0)
    assert isinstance(error, RuntimeError)
    app.hook(1)
    assert services.restarted == ['web']
    assert app.units[0].bag == bag


def test_an_old_charm_that_only_handles_locks_takes_part_as_leader(application):
    class Leader(ops.CharmBase):
        on = RestartCharmEvent()

        def __init__(self, framework):
            super().__init__(framework)
            self.coordinator = OpsCoordinator()
            self.coordinator.handle_locks(self.unit)

    app = application(charm(restart_or_defer), units=2)
    app.hook(1, 'config_changed')
    app.charm_type = Leader
    app.hook(0)
    assert '"app/1"' in app.app_bag['ops-coordinator']


@pytest.mark.parametrize('event', ['install', 'start', 'config_changed', 'stop', 'remove'])
def test_a_unit_without_its_peer_relation_crashes_in_no_hook(application, event):
    app = one(application, nothing)
    app.joined = False
    app.hook(0, event)
    app.hook(0)


def test_a_relation_that_breaks_crashes_nobody(application):
    app = one(application, nothing, units=1)
    app.hook(0, 'config_changed')
    context = testing.Context(app.charm_type, meta=app.meta, charm_root=app.root(0))
    state = app.state(0)
    context.run(context.on.relation_broken(state.get_relation(7)), state)


def test_a_unit_that_leaves_does_not_hold_up_the_others(application, services):
    app = one(application, nothing, units=2)
    app.leader = 1
    for number in (0, 1):
        app.hook(number, 'config_changed')
    gone = app.units.pop(0)
    assert gone.bag
    app.hook(1)
    app.hook(1)
    assert services.restarted == ['web']


def test_a_hook_in_which_juju_answers_nothing_is_left_alone(application, monkeypatch):
    app = one(application, nothing)
    monkeypatch.setattr('ops_coordinator._dispatch.RESTRICTED', ('start',))
    monkeypatch.setattr('ops_coordinator._dispatch.Dispatch._open', lambda _: 1 / 0)
    app.hook(0, 'start')
    assert isinstance(app.failing_hook(0), ZeroDivisionError), 'and any other hook is not'


def test_an_idle_unit_writes_nothing(application):
    app = one(application, nothing, units=2)
    app.everybody()
    app.everybody()
    assert app.app_bag == {}
    assert all('ops-coordinator' not in unit.bag for unit in app.units.values())


def test_garbage_in_the_databags_is_told_in_the_log_and_crashes_nobody(application):
    app = one(application, nothing, units=2)
    app.hook(1, 'config_changed')
    app.units[1].bag['ops-coordinator'] = '{garbage'
    context = app.hook(0)
    assert any('the databag of app/1' in log.message for log in context.juju_log)
