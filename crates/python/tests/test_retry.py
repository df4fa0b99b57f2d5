"""What a hook that fails, and runs again, restarts a second time: nothing that was good."""

import ops
import pytest
from conftest import charm, counters, restart_or_defer
from ops_coordinator import ServiceRestartError


def prepared(application, handler, **options):
    """A unit whose turn has come."""
    app = application(charm(handler, **options))
    app.hook(0, 'config_changed')
    return app


def test_a_good_restart_is_not_repeated_however_often_its_handler_raises(application, services):
    calls = []

    def handler(c, event):
        if not event.restart():
            event.defer()
            return
        calls.append(1)
        if len(calls) < 4:
            raise RuntimeError('after the restart')

    app = prepared(application, handler)
    for _ in range(3):
        assert isinstance(app.failing_hook(0), RuntimeError)
    app.hook(0)
    assert services.restarted == ['web']
    assert counters(app, 0) == (1, 1, 'done')


def test_a_handler_that_defers_asks_for_another_restart(application, services):
    calls = []

    def handler(_, event):
        if event.restart():
            calls.append(1)
        if len(calls) == 1:
            event.defer()
            raise RuntimeError('not committed')
        if len(calls) < 4:
            event.defer()

    app = prepared(application, handler)
    assert isinstance(app.failing_hook(0), RuntimeError)
    app.hook(0)
    assert services.restarted == ['web'], 'the hook that failed has deferred nothing'
    app.hook(0)
    assert services.restarted == ['web'] * 2
    app.hook(0)
    assert services.restarted == ['web'] * 3
    assert counters(app, 0) == (1, 1, 'done')


def emit_three(c):
    c.on.restart_event.emit({}, services=['db', 'web', 'cache'])


def test_what_did_restart_is_not_repeated_because_a_later_service_failed(application, services):
    app = prepared(application, restart_or_defer, emit=emit_three)
    services.broken = {'cache'}
    for _ in range(2):
        assert isinstance(app.failing_hook(0), ServiceRestartError)
    services.broken = set()
    app.hook(0)
    assert services.restarted == ['db', 'web', 'cache']


def catching(_, event):
    try:
        if not event.restart():
            event.defer()
    except ServiceRestartError:
        event.defer()


def test_the_same_holds_where_the_handler_catches_the_failure(application, services):
    app = prepared(application, catching, emit=emit_three)
    services.broken = {'cache'}
    app.hook(0)
    app.hook(0)
    services.broken = set()
    app.hook(0)
    assert services.restarted == ['db', 'web', 'cache']


@pytest.mark.parametrize('same', [True, False])
def test_what_is_asked_for_after_a_part_has_restarted_restarts_that_again(
    application, services, same
):
    """Newer `ops` drops an emission of which an equal one still waits."""
    generation = iter(range(9))

    def emit(c):
        ctx = {} if same else {'generation': next(generation)}
        c.on.restart_event.emit(ctx, services=['db', 'web'])

    app = prepared(application, catching, emit=emit)
    services.broken = {'web'}
    app.hook(0)
    assert services.restarted == ['db']
    app.hook(0, 'config_changed')
    services.broken = set()
    for _ in range(3):
        app.hook(0)
    assert services.restarted.count('db') == 2
    assert app.units[0].deferred == []


def test_an_emission_in_a_hook_that_runs_again_is_served_by_a_restart_after_it(
    application, services
):
    calls = []

    def handler(_, event):
        if not event.restart():
            event.defer()
            return
        calls.append(event.ctx)
        if len(calls) < 3:
            raise RuntimeError('after the restart')

    app = application(charm(handler))
    app.joined = False
    app.hook(0, 'config_changed')
    app.joined = True
    app.hook(0)
    for _ in range(2):
        assert isinstance(app.failing_hook(0, 'config_changed'), RuntimeError)
    app.hook(0, 'config_changed')
    assert services.restarted == ['web']
    for _ in range(2):
        app.hook(0)
    assert services.restarted == ['web', 'web']
    assert app.units[0].deferred == []


def test_a_plain_event_source_behaves_as_the_charms_own_events_do(application, services):
    from ops_coordinator import OpsCoordinator, RestartEvent

    order = []

    class Events(ops.CharmEvents):
        restart_event = ops.EventSource(RestartEvent)

    class Charm(ops.CharmBase):
        on = Events()

        def __init__(self, framework):
            super().__init__(framework)
            framework.observe(self.on.config_changed, self._on_config_changed)
            framework.observe(self.on.restart_event, self._on_restart)
            framework.observe(self.on.collect_unit_status, self._on_collect)
            self.coordinator = OpsCoordinator(self)

        def _on_config_changed(self, _):
            self.on.restart_event.emit({'n': len(order)}, services=['web'])
            order.append('emitted')

        def _on_restart(self, event):
            order.append('handled')
            restart_or_defer(self, event)

        def _on_collect(self, _):
            order.append('collected')

    app = application(Charm)
    app.hook(0, 'config_changed')
    assert order == ['emitted', 'handled', 'collected']
    app.hook(0, 'config_changed')
    assert services.restarted == ['web']
    for _ in range(2):
        app.hook(0)
    assert services.restarted == ['web', 'web'], 'one that came after the restart is not swallowed'
