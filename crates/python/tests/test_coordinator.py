"""Locks by name, for charms that take their own, and policies of theirs."""

import datetime
from typing import ClassVar

import ops
import pytest
from ops import testing
from ops_coordinator import (
    BaseCoordinator,
    CoordinatorError,
    OpsCoordinator,
    PeerRelationError,
    RestartCharmEvent,
    Serial,
)


def charm(make, step):
    """A charm that makes a coordinator and does one step in each hook."""

    class Charm(ops.CharmBase):
        on = RestartCharmEvent()

        def __init__(self, framework):
            super().__init__(framework)
            framework.observe(self.on.update_status, self._step)
            framework.observe(self.on.config_changed, self._step)
            self.coordinator = make(self)

        def _step(self, event):
            step(self, event)

    return Charm


def only_construct(application, make):
    application(charm(make, lambda *_: None)).hook(0)


def test_a_lock_is_asked_for_and_later_had_until_the_end_of_the_hook(application):
    had = []

    def step(c, event):
        lock = c.coordinator
        had.append((c.unit.name, lock.requested('backup'), lock.acquire('backup')))

    app = application(charm(Serial, step), units=2)
    for number in (1, 0, 1, 0, 1):
        app.hook(number)
    assert had == [
        ('app/1', False, False),
        ('app/0', False, False),
        ('app/1', True, False),
        ('app/0', True, True),
        ('app/1', True, True),
    ]


def test_granted_tells_of_a_turn_and_requested_of_a_request(application):
    seen = []

    def step(c, event):
        lock = c.coordinator
        seen.append((lock.granted('x'), lock.requested('x'), lock.requested('y')))
        if len(seen) == 1:
            lock.acquire('x')

    app = application(charm(BaseCoordinator, step))
    for _ in range(3):
        app.hook(0)
    assert seen == [(False, False, False), (True, True, False), (False, False, False)]


def test_the_time_of_a_request_is_told_and_stays_with_it(application):
    seen = []

    def step(c, event):
        c.coordinator.acquire('x')
        seen.append((c.coordinator.request_timestamp('x'), c.coordinator.request_timestamp('y')))

    app = application(charm(Serial, step), units=2)
    app.hook(1)
    app.hook(1)
    (first, none), second = seen
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    assert now - datetime.timedelta(minutes=1) < first <= now
    assert none is None
    assert second == (first, None)


def test_a_required_function_runs_only_in_its_turn(application):
    ran = []

    def step(c, event):
        @c.coordinator.require('x', lambda wanted: wanted, event.handle.kind == 'config_changed')
        def work(value):
            ran.append(value)
            return 'result'

        ran.append(work(event.handle.kind))

    app = application(charm(Serial, step))
    app.hook(0)
    assert ran == [None], 'the guard says no, and nothing is asked for'
    app.hook(0, 'config_changed')
    assert ran == [None, None]
    app.hook(0)
    assert ran == [None, None, 'update_status', 'result']


def test_a_lock_can_be_held_beyond_the_hook(application):
    had = []

    def step(c, event):
        if c.coordinator.acquire('x'):
            had.append(c.unit.name)
            if c.unit.name == 'app/0' and len(had) < 3:
                c.coordinator.hold('x', 'not yet')

    app = application(charm(Serial, step), units=2)
    for number in (1, 0):
        app.hook(number)
    for _ in range(3):
        app.everybody()
    assert had == ['app/0', 'app/0', 'app/0', 'app/1']


def test_a_lock_that_the_unit_does_not_have_cannot_be_held(application):
    def step(c, event):
        with pytest.raises(CoordinatorError, match="app/0 does not have the lock 'x'"):
            c.coordinator.hold('x', 'why')

    application(charm(Serial, step)).hook(0)


@pytest.mark.parametrize(
    ('name', 'error', 'message'),
    [('', ValueError, 'invalid lock name'), (None, TypeError, 'a lock name must be a string')],
)
def test_a_lock_without_a_name_is_refused(application, name, error, message):
    def step(c, event):
        with pytest.raises(error, match=message):
            c.coordinator.acquire(name)

    application(charm(Serial, step)).hook(0)


def test_there_is_one_instance_of_each_class(application):
    def make(c):
        one = OpsCoordinator()
        assert OpsCoordinator() is one
        assert OpsCoordinator(c) is one
        assert OpsCoordinator(charm=c) is one
        assert Serial(c) is Serial(c)
        assert Serial(c) is not one
        return one

    only_construct(application, make)


def test_two_charms_do_not_share_an_instance(application):
    made = []
    only_construct(application, lambda c: made.append(OpsCoordinator()) or made[-1])
    only_construct(application, lambda c: made.append(OpsCoordinator()) or made[-1])
    assert made[0] is not made[1]


def test_two_coordinators_on_one_relation_lose_no_request(application):
    class Other(Serial):
        pass

    had = []

    def step(c, event):
        had.append((c.coordinator.acquire('x'), Other(c).acquire('y')))

    app = application(charm(Serial, step))
    app.hook(0)
    app.hook(0)
    assert had == [(False, False), (True, True)]


def test_a_subclass_with_a_constructor_of_its_own_works(application):
    class Mine(Serial):
        def __init__(self, colour):
            super().__init__(relation_key='mine')
            self.colour = colour

    only_construct(application, lambda c: Mine('red'))


class Everybody(BaseCoordinator):
    """Grants at once what is asked for, but one lock only to units with an even number."""

    asked: ClassVar[list] = []

    def default_grant(self, lock, unit, granted, queue):
        self.asked.append((lock, unit, sorted(granted), queue))
        return True

    def grant_even(self, lock, unit, granted, queue):
        return int(unit.split('/')[1]) % 2 == 0


def test_a_policy_in_python_decides_on_the_leader(application):
    had = []

    def step(c, event):
        for lock in ('any', 'even'):
            if c.coordinator.acquire(lock):
                had.append((lock, c.unit.name))
                c.coordinator.hold(lock, 'for the test')

    Everybody.asked = []
    app = application(charm(Everybody, step), units=3)
    for number in (2, 1, 0):
        app.hook(number)
    units = ['app/0', 'app/1', 'app/2']
    assert Everybody.asked == [
        ('any', 'app/0', [], units),
        ('any', 'app/1', ['app/0'], units[1:]),
        ('any', 'app/2', ['app/0', 'app/1'], units[2:]),
    ]
    app.everybody()
    assert sorted(had) == [
        ('any', 'app/0'),
        ('any', 'app/1'),
        ('any', 'app/2'),
        ('even', 'app/0'),
        ('even', 'app/2'),
    ]


def test_a_policy_only_for_one_lock_needs_no_default(application):
    """The original raised AttributeError."""

    class Mine(BaseCoordinator):
        def grant_mine(self, lock, unit, granted, queue):
            return unit == 'app/1'

    had = []

    def step(c, event):
        had.extend(
            (lock, c.unit.name) for lock in ('mine', 'other') if c.coordinator.acquire(lock)
        )

    app = application(charm(Mine, step), units=2)
    for number in (1, 0):
        app.hook(number)
    for _ in range(2):
        app.everybody()
    assert ('mine', 'app/1') in had
    assert ('mine', 'app/0') not in had
    assert had.index(('other', 'app/0')) < had.index(('other', 'app/1'))


def test_a_policy_that_raises_fails_the_leaders_hook(application):
    class Mine(Serial):
        def default_grant(self, lock, unit, granted, queue):
            raise ZeroDivisionError('in the policy')

    app = application(charm(Mine, lambda c, _: c.coordinator.acquire('x')))
    assert isinstance(app.failing_hook(0), ZeroDivisionError)


def test_grant_says_on_the_leader_who_has_or_gets_a_lock(application):
    said = []

    def step(c, event):
        c.coordinator.acquire('x')
        said.append([c.coordinator.grant('x', f'app/{n}') for n in range(3)])

    app = application(charm(Serial, step), units=2)
    app.hook(1)
    app.hook(0)
    assert said == [[False, False, False], [True, False, False]]


def test_the_leader_hears_of_each_release_once(application):
    heard = []

    class Mine(Serial):
        def released(self, unit, lock, timestamp):
            assert isinstance(timestamp, datetime.datetime)
            heard.append((unit, lock))

    def step(c, event):
        if event.handle.kind == 'config_changed' or c.coordinator.requested('x'):
            c.coordinator.acquire('x')

    app = application(charm(Mine, step), units=2)
    for number in (1, 0):
        app.hook(number, 'config_changed')
    for _ in range(4):
        app.everybody()
    assert heard == [('app/0', 'x'), ('app/1', 'x')]


def test_messages_can_be_overridden(application):
    said = []

    class Mine(Serial):
        def msg(self, msg):
            said.append(msg)

    app = application(charm(Mine, lambda c, _: c.coordinator.acquire('x')))
    app.hook(0)
    app.hook(0)
    assert said == ['Requested x', 'Acquired x']


@pytest.mark.parametrize(
    ('peers', 'options', 'message'),
    [
        ({}, {}, r"no peer relation 'coordinator'; add to its charmcraft.yaml"),
        ({'a': {'interface': 'i'}}, {'relation': 'b'}, r'peers:\n    b:\n      interface'),
        (
            {'a': {'interface': 'i'}, 'b': {'interface': 'i'}},
            {},
            r"several peer relations \(a, b\); specify which one .* relation='a'",
        ),
    ],
)
def test_without_a_peer_relation_the_error_says_what_to_add(application, peers, options, message):

    def make(c):
        return OpsCoordinator(c, **options)

    app = application(charm(make, lambda *_: None), meta={'peers': peers})
    app.joined = False
    with pytest.raises(PeerRelationError, match=message):
        raise app.failing_hook(0)


def test_the_only_peer_relation_is_used_whatever_its_name(tmp_path):
    class Charm(ops.CharmBase):
        on = RestartCharmEvent()

        def __init__(self, framework):
            super().__init__(framework)
            self.coordinator = OpsCoordinator()
            framework.observe(self.on.start, self._on_start)

        def _on_start(self, _):
            self.coordinator.acquire('restart')

    meta = {'name': 'app', 'peers': {'cluster': {'interface': 'c'}}}
    context = testing.Context(Charm, meta=meta)
    relation = testing.PeerRelation('cluster')
    out = context.run(context.on.start(), testing.State(relations=[relation], leader=True))
    assert 'ops-coordinator' in out.get_relation(relation.id).local_unit_data


def test_without_any_charm_the_error_says_to_give_it():
    with pytest.raises(CoordinatorError, match=r'OpsCoordinator\(self\)'):
        OpsCoordinator()


def test_a_coordinator_for_something_else_than_a_charm_is_refused(application):
    def make(_):
        with pytest.raises(TypeError, match='needs a charm, not a function'):
            OpsCoordinator(lambda: None)

    only_construct(application, make)
