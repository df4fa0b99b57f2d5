"""Units that are unavailable for another reason than their turn, and a policy that counts them."""

import json

import ops
import pytest
from conftest import charm, line, restart_or_defer
from ops import testing
from ops_coordinator import Policy, Serial, Turns
from ops_coordinator.testing import Line, Machine


def fault(unit_charm):
    """What a unit says of itself: what is in its file `sick`."""
    sick = unit_charm.charm_dir / 'sick'
    return sick.read_text() if sick.exists() else None


def telling(ask=fault, **options):
    """A charm whose units tell whether they are available; its operation heals its unit."""

    class Charm(ops.CharmBase):
        ran, asked = [], []

        def __init__(self, framework):
            super().__init__(framework)
            given = {'max_unavailable': 1, 'available': self._available, **options}
            self.turns = Turns(self, {'restart': self._restart}, policy=Policy(**given))
            framework.observe(self.on.config_changed, self._on_config_changed)

        def _on_config_changed(self, _):
            self.turns.request('restart')

        def _restart(self):
            self.ran.append(self.unit.name)
            (self.charm_dir / 'sick').unlink(missing_ok=True)

        def _available(self):
            self.asked.append(self.unit.name)
            return ask(self)

    return Charm


def unavailable(app, number):
    """Why a unit is unavailable, as it tells the others."""
    return json.loads(app.units[number].bag.get('ops-coordinator', '{}')).get('unavailable')


def fall_ill(app, number, why='the disk is full'):
    """Let a unit become unavailable, and tell it."""
    (app.root(number) / 'sick').write_text(why)
    app.hook(number)


def test_a_unit_tells_that_it_is_unavailable_and_why(application):
    app = application(telling(), 2)
    fall_ill(app, 1)
    assert unavailable(app, 1) == 'the disk is full'
    (app.root(1) / 'sick').unlink()
    app.hook(1)
    assert unavailable(app, 1) is None


def test_it_is_asked_once_in_a_hook(application):
    app = application(made := telling(), 2)
    app.hook(1)
    assert made.asked == ['app/1']


def test_a_unit_that_is_available_waits_while_another_is_not(application):
    app = application(made := telling(), 3)
    fall_ill(app, 2)
    app.hook(1, 'config_changed')
    app.everybody()
    assert app.app_bag == {}, 'there is no line yet'
    (app.root(2) / 'sick').unlink()
    app.hook(2)
    app.hook(0)
    assert line(app) == [1]
    app.hook(1)
    assert made.ran == ['app/1']


def test_the_turn_of_the_unavailable_unit_comes_first_and_repairs_it(application):
    app = application(made := telling(), 3)
    fall_ill(app, 2)
    for number in (1, 2):
        app.hook(number, 'config_changed')
    app.hook(0)
    assert line(app) == [2]
    app.hook(2)
    assert unavailable(app, 2) is None, 'it is asked after the operation'
    app.hook(0)
    app.hook(1)
    assert made.ran == ['app/2', 'app/1']


def test_a_percentage_counts_all_units(application):
    app = application(telling(max_unavailable='50%', limit=4), 4)
    fall_ill(app, 3)
    for number in (1, 2):
        app.hook(number, 'config_changed')
    app.hook(0)
    assert line(app) == [1], 'two of four, one of which is unavailable already'


@pytest.mark.parametrize(
    ('answer', 'why'),
    [
        (None, None),
        (True, None),
        (False, 'it returned False'),
        ('', 'it gives no reason'),
        (ConnectionError('refused'), 'refused'),
        (TimeoutError(), 'TimeoutError'),
    ],
)
def test_what_the_function_may_answer(application, answer, why):
    def ask(_):
        if isinstance(answer, Exception):
            raise answer
        return answer

    app = application(telling(ask), 2)
    app.hook(1)
    assert unavailable(app, 1) == why


def test_any_other_answer_fails_the_hook(application):
    error = application(telling(lambda _: 7), 2).failing_hook(1)
    assert isinstance(error, TypeError)
    assert str(error).startswith('the function available returned 7: return None or True')


def test_the_function_cannot_use_the_coordinator(application):
    app = application(telling(lambda c: fault(c) or c.turns.status_table()), 2)
    app.hook(1)
    assert unavailable(app, 1).endswith('a coordinator asks cannot use its coordinator meanwhile')


def test_what_the_function_requests_is_not_lost(application):
    app = application(made := telling(lambda c: c.turns.request('restart') or True), 2)
    app.hook(1)
    app.charm_type = telling()
    app.hook(0)
    app.charm_type = made
    app.hook(1)
    assert made.ran == ['app/1']


@pytest.mark.parametrize('first', ['restarts', 'locks'])
def test_several_coordinators_agree_about_the_unit(application, first):
    """The unit is unavailable if any of them says so; a function that both have is asked once."""
    asked = []

    class Charm(ops.CharmBase):
        def __init__(self, framework):
            super().__init__(framework)
            healthy = Policy(max_unavailable=1, available=self._healthy)
            sick = Policy(max_unavailable=1, available=self._sick)
            policies = {'a': healthy, 'b': sick} if first == 'locks' else {'a': healthy}
            Serial(self, policy=policies)
            Turns(self, {}, policy=healthy if first == 'locks' else sick)
            Turns(self, {}, lock='rest')

        def _healthy(self):
            asked.append('healthy')
            return True

        def _sick(self):
            asked.append('sick')
            return 'it is sick'

    app = application(Charm, 2)
    app.hook(1)
    assert unavailable(app, 1) == 'it is sick'
    assert sorted(asked) == ['healthy', 'sick']


def test_a_charm_that_tells_it_no_more_counts_as_available(application):
    app = application(telling(), 2)
    fall_ill(app, 1)
    app.charm_type = charm(restart_or_defer)
    app.hook(1)
    assert unavailable(app, 1) is None


def test_restarts_are_held_back_as_well(application, services):
    app = application(None, 3)
    sick = app.root(2) / 'sick'
    policy = Policy(max_unavailable=1, available=lambda: not sick.exists())
    other = Policy(max_unavailable=1, available=lambda: True)
    app.charm_type = charm(restart_or_defer, policy=policy)
    sick.touch()
    app.hook(2)
    app.charm_type = charm(restart_or_defer, policy=other)
    app.hook(1, 'config_changed')
    app.hook(0)
    app.hook(1)
    assert services.restarted == []
    app.hook(2)
    app.hook(0)
    app.hook(1)
    assert services.restarted == ['web']


class Generous(Serial):
    """Lets everybody in."""

    def default_grant(self, lock, unit, granted, queue):
        return True


def test_a_policy_of_the_charms_own_lets_in_no_more_than_that(application):
    class Charm(ops.CharmBase):
        def __init__(self, framework):
            super().__init__(framework)
            told = Policy(max_unavailable=2, available=lambda: fault(self))
            self.locks = Generous(self, policy=told)
            framework.observe(self.on.config_changed, self._on_config_changed)

        def _on_config_changed(self, _):
            self.locks.acquire('work')

    app = application(Charm, 4)
    fall_ill(app, 3)
    for number in (1, 2):
        app.hook(number, 'config_changed')
    app.hook(0)
    assert line(app, 'work') == [1]


def test_the_plan_names_the_unit_that_is_unavailable(application):
    plans = []

    class Charm(telling()):
        def _on_config_changed(self, _):
            plans.append(self.turns.plan())

    app = application(Charm, 3)
    fall_ill(app, 2)
    app.hook(0, 'config_changed')
    assert plans[0]['obstacles'] == [
        {'kind': 'unavailable', 'unit': 'app/2', 'why': 'the disk is full'}
    ]


@pytest.mark.parametrize(
    ('wrong', 'error', 'said'),
    [
        ({'max_unavailable': 1}, ValueError, 'max_unavailable needs available'),
        ({'available': lambda: None}, ValueError, 'available is for max_unavailable'),
        (
            {'max_unavailable': 0, 'available': fault},
            ValueError,
            'max_unavailable must be a whole number from 1',
        ),
        (
            {'max_unavailable': '101%', 'available': fault},
            ValueError,
            'max_unavailable must be a whole number',
        ),
        ({'max_unavailable': '2', 'available': fault}, TypeError, "not '2'"),
        ({'max_unavailable': True, 'available': fault}, TypeError, 'not True'),
        ({'max_unavailable': 1, 'available': True}, TypeError, 'available must be a function'),
    ],
)
def test_what_is_declared_is_checked(wrong, error, said):
    with pytest.raises(error, match=said):
        Policy(**wrong)


def test_policies_differ_in_how_many_may_be_unavailable_and_in_who_tells():
    one = Policy(max_unavailable=1, available=fault)
    assert one == Policy(max_unavailable=1, available=fault)
    assert one != Policy(max_unavailable=2, available=fault)
    assert one != Policy(max_unavailable=1, available=print)
    assert one != Policy()


def declared(directory, text):
    """The directory of a charm with this `coordination.toml`, and a command `is-available`."""
    (directory / 'coordination.toml').write_text(text)
    command = directory / 'is-available'
    command.write_text('#!/bin/sh\necho asked >> asked\n[ ! -e sick ] || { cat sick; exit 1; }\n')
    command.chmod(0o755)
    return directory


TWO_LOCKS = (
    'available = "./is-available"\n'
    '[locks.restart]\nmax-unavailable = "50%"\n'
    '[locks.backup]\nmax-unavailable = 1\n'
    '[locks.other]\nlimit = 2\n'
)


def test_a_file_declares_a_command_for_it(application, tmp_path):
    place = declared(tmp_path, TWO_LOCKS)

    class Charm(ops.CharmBase):
        def __init__(self, framework):
            super().__init__(framework)
            for lock in ('restart', 'backup', 'other'):
                Turns(self, {}, lock=lock, policy=Policy.from_file(place, lock))

    app = application(Charm, 2)
    app.hook(1)
    assert unavailable(app, 1) is None
    assert (place / 'asked').read_text() == 'asked\n', 'once, although two locks need it'
    (place / 'sick').write_text('no space\nleft on the device\n')
    app.hook(1)
    assert unavailable(app, 1) == 'no space'


def test_what_a_file_declares_equals_what_is_read_from_it_again(tmp_path):
    place = declared(tmp_path, TWO_LOCKS)
    assert Policy.from_file(place) == Policy.from_file(place)
    assert Policy.from_file(place) != Policy.from_file(place, 'backup')
    assert Policy.from_file(place, 'other') == Policy(limit=2)
    assert len(set(Policy.all_from_file(place).values())) == 3


def test_a_limit_of_a_file_holds_units_back(application, tmp_path):
    place = declared(
        tmp_path, 'available = "./is-available"\n[locks.restart]\nmax-unavailable=1\n'
    )
    app = application(charm(restart_or_defer, policy=Policy.from_file(place)), 3)
    (place / 'sick').touch()
    app.hook(2)
    assert unavailable(app, 2).startswith('its availability command ended with exit status: 1')
    (place / 'sick').unlink()
    app.hook(1, 'config_changed')
    app.hook(0)
    assert app.app_bag == {}, 'there is no line yet'


# -- in a charm's own tests


@pytest.fixture
def machine():
    """A machine that says what a test tells it to."""
    with Machine() as machine:
        yield machine


META = {'name': 'app', 'peers': {'coordinator': {'interface': 'coordinator'}}}


@pytest.mark.parametrize('leader', [False, True])
def test_a_charms_test_has_others_be_unavailable(machine, leader):
    context = testing.Context(made := telling(), meta=META)
    line = Line(context)
    state = line.unavailable(testing.State(leader=leader), 1, 2, why='no power')
    for _ in range(3):
        state = context.run(context.on.config_changed(), state)
        found = line.look(state)
        assert (found.place, found.line, found.unavailable) == ('requested', (), None)
    assert made.ran == []
    state = context.run(context.on.update_status(), line.our_turn(state))
    assert made.ran == ['app/0']
    bags = state.get_relations('coordinator')[0].peers_data
    assert [json.loads(bags[one]['ops-coordinator']).get('unavailable') for one in (1, 2)] == [
        None,
        None,
    ]


def test_a_charms_test_has_the_unit_itself_be_unavailable(machine):
    context = testing.Context(made := telling(lambda _: 'the charm is not asked'), meta=META)
    line = Line(context)
    machine.make_unavailable('no power')
    state = context.run(context.on.config_changed(), line.unavailable(testing.State(leader=True)))
    assert line.look(state).unavailable == 'no power'
    assert line.look(line.paused(state, 'night')).unavailable == 'no power'
    assert made.ran == []
    state = context.run(context.on.update_status(), state)
    assert made.ran == ['app/0'], 'it may go: its turn can repair it'
    machine.make_available()
    state = context.run(context.on.update_status(), state)
    assert line.look(state).unavailable is None


def test_only_other_units_are_made_unavailable():
    line = Line(testing.Context(telling(), meta=META))
    with pytest.raises(ValueError, match='numbers of other units'):
        line.unavailable(testing.State(), 0)
