"""Every outstanding request has somebody who will take it up, or it is finished by name."""

import ops
import pytest
from conftest import charm, counters, line, module, restart_or_defer
from ops_coordinator import RestartCharmEvent, Serial


def flagged(c, name):
    """Whether a test has switched something on for the unit."""
    return (c.charm_dir / name).exists()


def two(application, handler, **options):
    """Two units, of which the second waits behind the first, which leads."""
    app = application(charm(handler, **options), units=2)
    for number in (1, 0):
        app.hook(number, 'config_changed')
    assert line(app) == [0, 1]
    return app


def check_may_fail(c, event):
    if not event.restart() or flagged(c, 'broken'):
        event.defer()


def test_a_kept_turn_that_serves_two_events_finishes_the_requests_of_both(application, services):
    """A check fails; the operator corrects the configuration, which asks once more."""
    generation = iter(range(9))

    def emit(c):
        c.on.restart_event.emit({'generation': next(generation)}, services=['web'])

    app = two(application, check_may_fail, emit=emit)
    (app.root(0) / 'broken').touch()
    app.hook(0)
    app.hook(0, 'config_changed')
    assert counters(app, 0)[:2] == (2, 0), 'asked again, and the turn is kept'
    (app.root(0) / 'broken').unlink()
    app.hook(0)
    assert counters(app, 0) == (2, 2, 'done')
    app.hook(1)
    assert counters(app, 1) == (1, 1, 'done')


def test_an_emission_from_the_handler_that_defers_leaves_no_request_behind(application, services):
    def handler(c, event):
        if not event.restart():
            event.defer()
        elif flagged(c, 'broken'):
            (c.charm_dir / 'broken').unlink()
            c.on.restart_event.emit({'again': True}, services=['db'])
            event.defer()

    app = two(application, handler)
    (app.root(0) / 'broken').touch()
    app.hook(0)
    assert counters(app, 0)[:2] == (2, 0)
    app.hook(0)
    assert counters(app, 0) == (2, 2, 'done')
    assert services.restarted == ['web', 'web', 'db']


def test_an_event_that_still_waits_keeps_its_request_when_an_earlier_one_is_served(
    application, services
):
    def handler(c, event):
        if (event.ctx and flagged(c, 'not-yet')) or not event.restart() or flagged(c, 'broken'):
            event.defer()

    def emit(c):
        c.on.restart_event.emit({'late': 1} if flagged(c, 'broken') else {}, services=['web'])

    app = two(application, handler, emit=emit)
    (app.root(0) / 'broken').touch()
    app.hook(0)
    app.hook(0, 'config_changed')
    (app.root(0) / 'not-yet').touch()
    (app.root(0) / 'broken').unlink()
    app.hook(0)
    assert counters(app, 0) == (2, 1, 'done')
    (app.root(0) / 'not-yet').unlink()
    for _ in range(4):
        app.everybody()
    assert counters(app, 0) == (2, 2, 'done')
    assert len(app.units[0].deferred) == 0


def test_a_handler_that_drops_its_event_before_its_turn_lets_go(application, services):
    """As the original's own example does: `if not need_restart: return`."""

    def handler(c, event):
        if not flagged(c, 'not-needed'):
            restart_or_defer(c, event)

    app = two(application, handler)
    (app.root(0) / 'not-needed').touch()
    context = app.hook(0)
    assert counters(app, 0) == (1, 1, 'withdrawn')
    assert any('withdrew the request for restart' in log.message for log in context.juju_log)
    app.hook(1)
    assert services.restarted == ['web']


def test_a_failed_restart_that_is_neither_raised_nor_deferred_lets_go(application, services):
    def handler(_, event):
        try:
            if not event.restart():
                event.defer()
        except module.ServiceRestartError:
            pass

    app = two(application, handler)
    services.broken = {'web'}
    app.hook(0)
    assert counters(app, 0) == (1, 1, 'withdrawn')


def test_a_status_that_raises_after_the_delivery_leaves_no_request_behind(application, services):
    class Charm(charm(restart_or_defer)):
        def __init__(self, framework):
            super().__init__(framework)
            framework.observe(self.on.collect_unit_status, self._on_collect)

        def _on_collect(self, _):
            if flagged(self, 'fail'):
                raise RuntimeError('no status')

    app = application(Charm, units=2)
    (app.root(0) / 'fail').touch()
    assert isinstance(app.failing_hook(0, 'config_changed'), RuntimeError)
    (app.root(0) / 'fail').unlink()
    app.hook(1, 'config_changed')
    app.hook(0)
    assert counters(app, 0) == (1, 1, 'withdrawn'), 'the hook was resolved without a retry'
    app.hook(1)
    assert services.restarted == ['web']


class Acting(charm(restart_or_defer)):
    """Restarts, or takes a lock, in an action that fails after it."""

    def __init__(self, framework):
        super().__init__(framework)
        framework.observe(self.on.restart_action, self._on_restart_action)
        framework.observe(self.on.backup_action, self._on_backup_action)
        framework.observe(self.on.collect_unit_status, self._on_collect)
        self.locks = Serial(self)

    def _on_restart_action(self, _):
        self.on.restart_event.emit({}, services=['web'])
        (self.charm_dir / 'fail').touch()

    def _on_backup_action(self, _):
        self.locks.acquire('backup')
        raise RuntimeError('the action failed')

    def _on_collect(self, _):
        if flagged(self, 'fail'):
            (self.charm_dir / 'fail').unlink()
            raise RuntimeError('the action failed')


def acting(application):
    return application(Acting, actions={'restart': {}, 'backup': {}})


def test_an_action_that_fails_after_its_request_leaves_none_behind(application, services):
    app = acting(application)
    assert isinstance(app.failing_hook(0, 'restart', action=True), RuntimeError)
    app.hook(0)
    assert counters(app, 0) == (1, 1, 'withdrawn')


def test_a_lock_that_a_failed_action_asked_for_goes_on_after_three_dispatches(application):
    app = acting(application)
    assert isinstance(app.failing_hook(0, 'backup', action=True), RuntimeError)
    for _ in range(2):
        app.hook(0)
        assert counters(app, 0, 'backup')[:2] == (1, 0)
    app.hook(0)
    assert counters(app, 0, 'backup') == (1, 1, 'withdrawn')


def locking(step):
    """A charm that does one step with its locks in each hook."""

    class Charm(ops.CharmBase):
        def __init__(self, framework):
            super().__init__(framework)
            self.locks = Serial(self)
            framework.observe(self.on.update_status, self._step)

        def _step(self, _):
            step(self)

    return Charm


def test_work_that_is_done_before_its_hook_fails_holds_up_nobody_for_long(application):
    """As with charmhelpers: the work is done, its flag is removed, and the hook then fails."""
    had = []

    def step(c):
        if flagged(c, 'due') and c.locks.acquire('work'):
            had.append(c.unit.name)
            (c.charm_dir / 'due').unlink()
            if c.unit.name == 'app/0':
                raise RuntimeError('after the work')

    app = application(locking(step), units=2)
    for number in (1, 0):
        (app.root(number) / 'due').touch()
        app.hook(number)
    assert isinstance(app.failing_hook(0), RuntimeError)
    for _ in range(3):
        app.everybody()
    assert had == ['app/0', 'app/1']
    assert counters(app, 0, 'work') == (1, 1, 'withdrawn')


def test_code_that_asks_in_every_hook_keeps_its_request_however_long_it_waits(application):
    def step(c):
        if not flagged(c, 'done') and c.locks.acquire('work') and flagged(c, 'slow'):
            c.locks.hold('work', 'slow')

    app = application(locking(step), units=2)
    (app.root(0) / 'slow').touch()
    for _ in range(6):
        app.everybody()
    assert counters(app, 1, 'work')[:2] == (1, 0)
    (app.root(0) / 'done').touch()
    for _ in range(6):
        app.everybody()
    assert counters(app, 0, 'work')[:2] == (1, 0), 'what the charm itself holds, it keeps'


def test_a_request_in_the_queue_is_not_given_up_by_code_that_asks_seldom(application):
    asked = []

    def step(c):
        if c.unit.name == 'app/0':
            if not flagged(c, 'over') and c.locks.acquire('work'):
                c.locks.hold('work', 'long')
            elif flagged(c, 'over'):
                c.locks.withdraw('work')
        elif not asked or flagged(c, 'ask'):
            asked.append(c.locks.acquire('work'))

    app = application(locking(step), units=2)
    for number in (0, 1):
        app.hook(number)
    for _ in range(6):
        app.everybody()
    assert counters(app, 1, 'work')[:2] == (1, 0)
    (app.root(0) / 'over').touch()
    app.hook(0)
    (app.root(1) / 'ask').touch()
    app.hook(1)
    assert asked == [False, True]


@pytest.mark.parametrize('inside', [False, True])
def test_a_pod_that_comes_back_without_its_state_holds_up_nobody(application, services, inside):
    app = two(application, check_may_fail)
    if inside:
        (app.root(0) / 'broken').touch()
        app.hook(0)
    app.new_pod(0)
    services.restarted.clear()
    app.hook(0)
    assert counters(app, 0) == (1, 1, 'withdrawn')
    app.hook(1)
    assert services.restarted == ['web']
    app.hook(0, 'config_changed')
    assert counters(app, 0)[:2] == (2, 1), 'and it may ask anew'


def test_a_refresh_that_renames_the_handler_leaves_no_request_behind(application, services):
    app = two(application, restart_or_defer)

    class Charm(ops.CharmBase):
        on = RestartCharmEvent()

        def __init__(self, framework):
            super().__init__(framework)
            framework.observe(self.on.restart_event, self._on_another_name)
            self.coordinator = module.OpsCoordinator(self)

        def _on_another_name(self, event):
            restart_or_defer(self, event)

    app.charm_type = Charm
    app.hook(0, 'upgrade_charm')
    assert app.units[0].deferred == []
    assert counters(app, 0) == (1, 1, 'withdrawn')
    app.charm_type = charm(restart_or_defer)
    app.hook(1)
    assert services.restarted == ['web']


def test_in_a_restricted_hook_nothing_is_judged(application, services, monkeypatch):
    """`ops` delivers no deferred event there."""
    app = two(application, restart_or_defer)
    monkeypatch.setattr('ops.framework.Framework.reemit', lambda _: None)
    monkeypatch.setattr('ops_coordinator._dispatch.RESTRICTED', ('start',))
    app.hook(0, 'start')
    assert counters(app, 0)[:2] == (1, 0)
    monkeypatch.undo()


def test_a_request_that_was_withdrawn_while_its_turn_was_kept_ends_the_event(
    application, services
):
    """An operator may do that from outside: the command keeps to the same journal."""

    def handler(c, event):
        if flagged(c, 'give-up'):
            (c.charm_dir / 'give-up').unlink()
            c.coordinator.withdraw('restart')
        if not event.restart() or flagged(c, 'broken'):
            event.defer()

    app = two(application, handler)
    (app.root(0) / 'broken').touch()
    app.hook(0)
    app.hook(0)
    assert counters(app, 0)[:2] == (1, 0)
    (app.root(0) / 'give-up').touch()
    app.hook(0)
    assert counters(app, 0) == (1, 1, 'withdrawn')
    assert app.units[0].deferred == []
