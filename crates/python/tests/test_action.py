"""The action that reports back after a restart."""

import pytest
from conftest import charm, restart_or_defer
from ops_coordinator import OpsCoordinator


def reporting(save):
    """A charm that saves an action with its request, and runs it when it has restarted."""
    results = []

    def handler(c, event):
        if event.restart():
            results.append(c.coordinator.run_action())
        else:
            event.defer()

    def emit(c):
        save(c)
        c.on.restart_event.emit({}, services=['web'])

    class Charm(charm(handler, emit=emit)):
        def report(self, *args, **kwargs):
            return ('reported', self.unit.name, args, kwargs)

    return Charm, results


@pytest.mark.parametrize('named', [False, True])
def test_a_method_of_the_charm_is_found_again_in_a_later_hook(application, named):
    def save(c):
        c.coordinator.save_action('report' if named else c.report, [1, 'a'], {'k': [None]})

    charm_type, results = reporting(save)
    app = application(charm_type)
    app.hook(0, 'config_changed')
    app.hook(0)
    assert results == [('reported', 'app/0', (1, 'a'), {'k': [None]})]
    app.hook(0, 'config_changed')


def test_an_action_runs_for_one_restart(application):
    saved = []

    def save(c):
        if not saved:
            c.coordinator.save_action(c.report)
            saved.append(True)

    charm_type, results = reporting(save)
    app = application(charm_type)
    for _ in range(2):
        app.hook(0, 'config_changed')
        app.hook(0)
        app.hook(0)
    assert [bool(result) for result in results] == [True, False]


def test_a_plain_function_lasts_as_long_as_the_dispatch(application):
    def save(c):
        c.coordinator.save_action(lambda a, b=0: a + b, [1], {'b': 2})
        assert c.coordinator.run_action() == 3

    charm_type, results = reporting(save)
    app = application(charm_type)
    app.hook(0, 'config_changed')
    app.hook(0)
    assert results == [None]


def test_the_constructor_takes_an_action_too(application):
    seen = []

    def handler(c, event):
        seen.append(event.run_action())

    charm_type = charm(handler, action_func=lambda *a, **k: (a, k), action_args=[1])
    application(charm_type).hook(0, 'config_changed')
    assert seen == [((1,), {})]


def test_the_last_action_saved_is_the_one_that_runs(application):
    def save(c):
        c.coordinator.save_action(c.report, [1])
        c.coordinator.save_action(c.report, [2])

    charm_type, results = reporting(save)
    app = application(charm_type)
    app.hook(0, 'config_changed')
    app.hook(0)
    assert results[0][2] == (2,)


def test_what_cannot_be_kept_is_told_where_it_is_saved(application):
    def save(c):
        with pytest.raises(ValueError, match="Charm has no method 'nothing'"):
            c.coordinator.save_action('nothing')
        with pytest.raises(TypeError, match='the arguments of report must be JSON-serialisable'):
            c.coordinator.save_action('report', [object()])
        c.coordinator.save_action(c.report, [object()])

    charm_type, results = reporting(save)
    app = application(charm_type)
    context = app.hook(0, 'config_changed')
    assert any('report is lost at the end of' in log.message for log in context.juju_log)
    app.hook(0)
    assert results == [None]


def test_what_juju_did_not_take_over_is_reported_again(application, services):
    """`ops` has forgotten the event by then: nobody else would report."""
    told = []

    class Charm(reporting(lambda c: c.coordinator.save_action('tell', [1]))[0]):
        def tell(self, value):
            told.append(value)

    app = application(Charm)
    app.hook(0, 'config_changed')
    app.hook(0, commit=False)
    assert not app.units[0].deferred
    app.hook(0, commit=False)
    assert told == [1, 1]
    app.hook(0)
    assert (told, services.restarted) == ([1, 1, 1], ['web'])
    for _ in range(2):
        app.hook(0)
    assert told == [1, 1, 1]


def test_a_later_report_takes_the_place_of_one_that_was_lost(application, services):
    told = []

    class Charm(reporting(lambda c: c.coordinator.save_action('tell', [len(told)]))[0]):
        def tell(self, value):
            told.append(value)

    app = application(Charm)
    app.hook(0, 'config_changed')
    app.hook(0, commit=False)
    app.hook(0, 'config_changed')
    assert told == [0, 0], 'the next dispatch reports it, whatever it is for'
    for _ in range(3):
        app.hook(0)
    assert told == [0, 0, 1]


def test_without_an_action_nothing_runs(application):
    charm_type, results = reporting(lambda _: None)
    app = application(charm_type)
    app.hook(0, 'config_changed')
    app.hook(0)
    assert results == [None]
    assert OpsCoordinator.__name__ == 'OpsCoordinator'


def test_an_action_runs_once_in_a_dispatch(application):
    """Two events may share a turn, and both handlers run it."""
    told = []

    def handler(c, event):
        if event.restart():
            told.append(c.coordinator.run_action())
        else:
            event.defer()

    def emit(c):
        c.coordinator.save_action('tell')
        for n in (1, 2):
            c.on.restart_event.emit({'n': n}, services=['web'])

    class Charm(charm(handler, emit=emit)):
        calls = 0

        def tell(self):
            Charm.calls += 1
            return f'call {Charm.calls}'

    app = application(Charm)
    app.hook(0, 'config_changed')
    app.hook(0)
    assert told == ['call 1', 'call 1']
    assert Charm.calls == 1


def test_an_action_that_is_saved_after_another_ran_runs_too(application):
    def save(c):
        c.coordinator.save_action(lambda: 1)
        assert c.coordinator.run_action() == 1
        c.coordinator.save_action(lambda: 2)
        assert c.coordinator.run_action() == 2

    application(reporting(save)[0]).hook(0, 'config_changed')


def test_a_function_that_cannot_outlive_the_hook_is_told_in_the_log(application):
    charm_type, _ = reporting(lambda c: c.coordinator.save_action(lambda: None))
    context = application(charm_type).hook(0, 'config_changed')
    warnings = [log.message for log in context.juju_log if log.level == 'WARNING']
    assert len(warnings) == 1
    assert 'is lost at the end of this dispatch' in warnings[0]
    assert 'save a method of the charm' in warnings[0]


def test_a_function_that_the_constructor_gets_each_time_is_nothing_to_warn_of(application):
    charm_type = charm(lambda *_: None, action_func=lambda: None)
    context = application(charm_type).hook(0, 'config_changed')
    assert not [log for log in context.juju_log if log.level == 'WARNING']


def test_what_cannot_be_called_is_refused(application):
    def save(c):
        with pytest.raises(
            TypeError, match=r'action_func must be a function, or the name of .*, not 7'
        ):
            c.coordinator.save_action(7)

    application(reporting(save)[0]).hook(0, 'config_changed')


def test_two_coordinators_keep_two_actions(application):
    results = []

    class Second(OpsCoordinator):
        lock = 'second'

    class Charm(charm(restart_or_defer)):
        def __init__(self, framework):
            super().__init__(framework)
            self.second = Second(self)

        def _on_config_changed(self, _):
            self.coordinator.save_action('tell', ['first'])
            self.second.save_action('tell', ['second'])
            results.append((self.second.run_action(), self.coordinator.run_action()))

        def tell(self, which):
            return which

    application(Charm).hook(0, 'config_changed')
    assert results == [('second', 'first')]
