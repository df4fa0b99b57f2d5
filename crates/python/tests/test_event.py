"""The event: when it is delivered, and what survives."""

import ops
import pytest
from conftest import charm, restart_or_defer
from ops_coordinator import OpsCoordinator, RestartCharmEvent, RestartEvent

LOOP: list = []
LOOP.append(LOOP)


def seen(application, ctx, services):
    """What a handler sees of an event after it was deferred once."""
    found = []

    def handler(_, event):
        found.append((event.ctx, event.services, event.svc))
        event.defer()

    app = application(charm(handler, emit=lambda c: c.on.restart_event.emit(ctx, services)))
    app.hook(0, 'config_changed')
    app.hook(0)
    assert len(found) == 2
    assert found[0] == found[1]
    return found[1]


@pytest.mark.parametrize(
    'ctx',
    [
        {},
        {'a': 1, 'b': [1, {'c': None}], 'd': {'e': {'f': 0.5}}},
        {'gr\u00fc\u00dfe': 'sm\u00f8rrebr\u00f8d \U0001f35e', 'q': '"\'\\,\n'},
        None,
        ['a', 'b'],
        'just text',
    ],
)
def test_the_context_comes_back_as_it_was_after_a_deferral(application, ctx):
    assert seen(application, ctx, [])[0] == ctx


def test_an_empty_list_of_services_stays_empty(application, services):
    assert seen(application, {}, [])[1:] == ([], [])


def test_services_come_back_in_their_order(application):
    assert seen(application, {}, ['b', 'a', 'c@1.service'])[1] == ['b', 'a', 'c@1.service']


def test_a_stored_dictionary_can_be_the_context(application):
    found = []

    class Charm(ops.CharmBase):
        on = RestartCharmEvent()
        state = ops.StoredState()

        def __init__(self, framework):
            super().__init__(framework)
            self.state.set_default(kept={'a': [1, {'b': 2}]})
            framework.observe(self.on.config_changed, self._emit)
            framework.observe(self.on.restart_event, self._see)
            self.coordinator = OpsCoordinator()

        def _emit(self, _):
            self.on.restart_event.emit(self.state.kept)

        def _see(self, event):
            found.append(event.ctx)

    application(Charm).hook(0, 'config_changed')
    assert found == [{'a': [1, {'b': 2}]}]


def test_what_is_set_after_emit_is_set_when_the_handler_looks(application):
    """The example sets `need_restart` after `emit`; delivered at once, the first would be lost."""
    found = []

    def emit(c):
        c.need_restart = False
        c.on.restart_event.emit({}, services=['web'])
        c.need_restart = True

    app = application(charm(lambda c, _: found.append(c.need_restart), emit=emit))
    app.hook(0, 'config_changed')
    assert found == [True]


def test_the_handler_has_run_when_the_status_is_collected(application):
    order = []

    class Charm(ops.CharmBase):
        on = RestartCharmEvent()

        def __init__(self, framework):
            super().__init__(framework)
            framework.observe(self.on.collect_unit_status, self._on_collect)
            framework.observe(self.on.config_changed, self._emit)
            framework.observe(self.on.restart_event, self._on_restart)
            self.coordinator = OpsCoordinator(self)

        def _emit(self, _):
            self.on.restart_event.emit({})

        def _on_restart(self, _):
            order.append('restart')

        def _on_collect(self, _):
            order.append('status')

    application(Charm).hook(0, 'config_changed')
    assert order == ['restart', 'status']


def test_two_restarts_of_one_dispatch_are_two_events(application):
    found = []

    def emit(c):
        c.on.restart_event.emit({'n': 1})
        c.on.restart_event.emit({'n': 2})

    application(charm(lambda _, e: found.append(e.ctx['n']), emit=emit)).hook(0, 'config_changed')
    assert found == [1, 2]


def test_stacked_events_share_a_turn_and_a_flag_discards_those_behind_the_first(
    application, services
):
    """As the document describes: the first restarts, the flag drops the others."""

    def handler(c, event):
        done = c.root / 'done'
        if done.exists():
            return
        if event.restart():
            done.touch()
        else:
            event.defer()

    generation = iter(range(10))

    def emit(c):
        c.on.restart_event.emit({'generation': next(generation)}, services=['web'])

    charm_type = charm(handler, emit=emit)
    charm_type.root = property(lambda self: self.charm_dir)
    app = application(charm_type)
    app.joined = False
    for _ in range(3):
        app.hook(0, 'config_changed')
    assert len(app.units[0].deferred) == 3
    app.joined = True
    app.hook(0)
    assert services.restarted == []
    app.hook(0)
    assert services.restarted == ['web']
    assert app.units[0].deferred == []


def test_stacked_events_restart_each_service_once(application, services):
    found = []

    def handler(_, event):
        if event.restart():
            found.append(event.ctx['n'])
        else:
            event.defer()

    def emit(c):
        c.on.restart_event.emit({'n': 1}, services=['db', 'web'])
        c.on.restart_event.emit({'n': 2}, services=['web', 'cache'])

    app = application(charm(handler, emit=emit))
    app.hook(0, 'config_changed')
    app.hook(0)
    assert services.restarted == ['db', 'web', 'cache']
    assert found == [1, 2]


def test_an_event_that_the_original_library_deferred_is_understood():
    event = RestartEvent.__new__(RestartEvent)
    event.restore({'ctx': '{"a": 1}', 'svc': 'web,db'})
    assert (event.ctx, event.services) == ({'a': 1}, ['web', 'db'])
    event.restore({'ctx': 'no json', 'svc': ''})
    assert (event.ctx, event.services) == ('no json', [])
    event.restore({'ctx': None, 'svc': ''})
    assert event.ctx is None


@pytest.mark.parametrize(
    ('ctx', 'services', 'message'),
    [
        ({'a': object()}, [], 'ctx contains a value of type object'),
        ({}, 'web', r"services must be a list of names, as in services=\['web'\]"),
        ({}, ['a,b'], "invalid service name 'a,b' in services"),
        ({}, [''], "invalid service name '' in services"),
        ({}, ['--now'], "invalid service name '--now' in services"),
        ({}, ['a b'], "invalid service name 'a b' in services"),
        ({}, ['x' * 256], 'invalid service name'),
        ({}, [None], 'services contains None; a service name must be a string'),
        ({}, [b'web'], "services contains b'web'; a service name must be a string"),
        ({}, [7], 'services contains 7; a service name must be a string'),
        ({}, None, 'services must be a list of names, not None'),
        ({}, 7, 'services must be a list of names, not 7'),
        ({}, b'web', "services must be a list of names, not b'web'"),
        ({}, {'web': 1}, 'services must be a list of names, not'),
        ({1: 'a'}, [], 'ctx has the key 1; it is stored as JSON, so keys must be strings'),
        ({'a': [{None: 1}]}, [], 'ctx has the key None'),
        ({'a': b'b'}, [], 'ctx contains a value of type bytes'),
        ({'a': float('nan')}, [], 'ctx contains nan'),
        (LOOP, [], 'ctx is nested too deeply, or contains itself'),
    ],
)
def test_what_cannot_come_back_is_refused_where_it_is_emitted(application, ctx, services, message):
    found = []

    def emit(c):
        with pytest.raises((TypeError, ValueError), match=message) as caught:
            c.on.restart_event.emit(ctx, services)
        found.append(caught)

    app = application(charm(restart_or_defer, emit=emit))
    app.hook(0, 'config_changed')
    assert len(found) == 1
    assert app.units[0].deferred == []


def test_what_is_given_to_emit_is_copied_there(application, services):
    found = []

    def emit(c):
        ctx, names = {'list': [1]}, ['web']
        c.on.restart_event.emit(ctx, names)
        ctx['list'].append(2)
        ctx['more'] = 1
        names[:] = ['db']
        c.on.restart_event.emit(iter([1, 2]), iter(['web', 'db']))

    app = application(charm(lambda _, e: found.append((e.ctx, e.services)), emit=emit))
    app.hook(0, 'config_changed')
    assert found == [({'list': [1]}, ['web']), ([1, 2], ['web', 'db'])]
