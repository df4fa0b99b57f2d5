"""Whose locks a limit and a policy are about."""

import datetime
import json
import re

import ops
import pytest
from conftest import charm, line, restart_or_defer
from ops_coordinator import CoordinatorError, OpsCoordinator, Policy, Serial


class TwoAtOnce(Serial):
    """Lets two units in."""

    def default_grant(self, lock, unit, granted, queue):
        return len(granted) < 2


def both(make_locks):
    """A charm that restarts, with other locks beside that."""

    class Charm(charm(restart_or_defer)):
        def __init__(self, framework):
            super().__init__(framework)
            self.locks = make_locks(self)
            framework.observe(self.on.update_status, self._on_update_status)

        def _on_update_status(self, _):
            if (self.charm_dir / 'backup').exists() and self.locks.acquire('backup'):
                self.locks.hold('backup', 'for the test')

    return Charm


def test_a_policy_decides_only_for_the_locks_that_its_coordinator_acquires(application, services):
    """The leader has never used the lock of the policy itself."""
    app = application(both(TwoAtOnce), units=4)
    for number in (3, 2, 1):
        (app.root(number) / 'backup').touch()
        app.hook(number, 'config_changed')
        app.hook(number)
    app.hook(0)
    value = json.loads(app.app_bag['ops-coordinator'])['locks']
    assert line(app, 'backup') == [1, 2]
    assert [entry.get('limit', 1) for entry in value['restart']['line']] == [1, 1, 1]
    for number in (2, 3):
        app.hook(number)
    assert services.restarted == [], 'behind the first, whatever the policy of another lock says'


@pytest.mark.parametrize('limit', [2, {'backup': 2}])
def test_a_limit_needs_no_policy(application, limit):
    app = application(both(lambda c: Serial(c, limit=limit)), units=4)
    for number in (3, 2, 1):
        (app.root(number) / 'backup').touch()
        app.hook(number)
    app.hook(0)
    entries = json.loads(app.app_bag['ops-coordinator'])['locks']['backup']['line']
    assert [entry['limit'] for entry in entries] == [2, 2, 2]


@pytest.mark.parametrize('limit', ['2', 2.5, None, True, {'backup': '2'}])
def test_a_limit_that_is_no_number_is_refused(application, limit):
    error = application(both(lambda c: Serial(c, limit=limit))).failing_hook(0)
    assert isinstance(error, TypeError)
    assert 'must be a whole number from 1 to 100' in str(error)


@pytest.mark.parametrize('limit', ['2', 2.5, None, {'restart': 2}])
def test_a_limit_of_restarts_that_is_no_number_is_refused(application, limit):
    error = application(charm(restart_or_defer, limit=limit)).failing_hook(0)
    assert isinstance(error, TypeError)
    assert str(error).startswith('limit must be a whole number from 1 to 100, or a percentage ')


class Other(Serial):
    """Another coordinator."""


def test_two_coordinators_that_acquire_one_lock_are_an_error(application):
    def step(c):
        c.locks.acquire('backup')
        with pytest.raises(
            CoordinatorError, match="the lock 'backup' belongs to Serial, so Other"
        ):
            Other(c).acquire('backup')

    run(application, step)


def test_a_second_coordinator_of_restarts_is_an_error_when_it_is_made(application):
    class Second(OpsCoordinator):
        pass

    def step(c):
        OpsCoordinator(c)
        with pytest.raises(CoordinatorError, match="the lock 'restart' belongs to OpsCoordinator"):
            Second(c)
        with pytest.raises(CoordinatorError, match="the lock 'restart' belongs to OpsCoordinator"):
            Other(c, limit={'restart': 2})

    run(application, step)


def run(application, step, units=1, locks=Serial):
    """Run a step in a hook of each unit of a charm with locks."""
    app = application(stepping(step, locks), units=units)
    for number in reversed(range(units)):
        app.hook(number)
    return app


def stepping(step, locks):
    """A charm that does one step with its locks in each hook."""

    class Charm(ops.CharmBase):
        def __init__(self, framework):
            super().__init__(framework)
            self.locks = locks(self)
            framework.observe(self.on.update_status, self._step)

        def _step(self, _):
            step(self)

    return Charm


def test_units_that_disagree_whose_lock_it_is_go_one_at_a_time(application):
    def step(c):
        TwoAtOnce(c)
        (c.locks if c.unit.name == 'app/1' else TwoAtOnce(c)).acquire('backup')

    app = run(application, step, units=3)
    assert [log for log in app.hook(0).juju_log if 'ask for the lock backup' in log.message]
    entries = json.loads(app.app_bag['ops-coordinator'])['locks']['backup']['line']
    assert {entry.get('limit', 1) for entry in entries} == {1}


class Static(Serial):
    """Policies that need no instance."""

    @staticmethod
    def default_grant(lock, unit, granted, queue):
        return True

    @staticmethod
    def grant_narrow(lock, unit, granted, queue):
        return unit == 'app/1'


def test_a_policy_may_be_a_static_method(application):
    def step(c):
        c.locks.acquire('wide')
        c.locks.acquire('narrow')

    app = run(application, step, units=3, locks=Static)
    assert (line(app, 'wide'), line(app, 'narrow')) == ([0, 1, 2], [1])


def test_the_queue_is_the_same_for_a_policy_and_for_grant(application):
    queues = []

    class Mine(Serial):
        def grant_work(self, lock, unit, granted, queue):
            queues.append(queue)
            return unit == 'app/1' and len(queues) < 4

    def step(c):
        c.locks.acquire('work')

    app = run(application, step, units=3, locks=Mine)
    for number in (1, 1):
        app.hook(number)
    queues.clear()

    def look(c):
        c.locks.grant('work', 'app/2')

    app.charm_type = stepping(look, Mine)
    app.hook(0)
    assert len(queues) == 4
    assert queues[0] == queues[1] == ['app/2', 'app/0', 'app/1'], 'on after the last that joined'


def test_a_release_is_told_with_the_time_of_the_request(application):
    heard, asked = [], {}

    class Mine(Serial):
        def released(self, unit, lock, timestamp):
            heard.append((unit, lock, timestamp))

    def step(c):
        name = c.unit.name
        if name not in asked or c.locks.requested('Daily Backup'):
            c.locks.acquire('Daily Backup')
            asked[name] = asked.get(name) or c.locks.request_timestamp('Daily Backup')

    app = run(application, step, units=3, locks=Mine)
    for _ in range(4):
        app.everybody()
    assert heard == [
        (f'app/{number}', 'Daily Backup', asked[f'app/{number}']) for number in range(3)
    ]
    assert all(isinstance(at, datetime.datetime) for _, _, at in heard)


def test_a_coordinator_hears_only_of_its_own_locks(application, services):
    heard = []

    class Mine(Serial):
        def released(self, unit, lock, timestamp):
            heard.append(lock)

    app = application(both(Mine))
    app.hook(0)
    app.hook(0, 'config_changed')
    app.hook(0)
    app.hook(0)
    assert services.restarted == ['web']
    assert heard == []


def test_requests_and_grants_are_told_unit_by_unit(application):
    seen = []

    def step(c):
        c.locks.acquire('work')
        seen.append((c.locks.requests, c.locks.grants))
        at = str(c.locks.request_timestamp('work'))
        assert seen[-1][0][c.unit.name]['work'].rstrip('Z0').startswith(at.rstrip('0'))

    run(application, step, units=2)
    (own, none), (all_, _) = seen
    assert (list(own), none) == (['app/1'], {})
    assert sorted(all_) == ['app/0', 'app/1']
    assert all_['app/1'] == own['app/1']


def test_what_the_leader_has_granted_is_told(application):
    seen = []

    def step(c):
        c.locks.acquire('work')
        seen.append(c.locks.grants)

    app = run(application, step, units=2)
    app.hook(1)
    assert seen[-1].keys() == {'app/0', 'app/1'}, 'who is in the line needs no other grant'


ROLL = {'limit': '50%', 'waves': 'zone', 'canary': True}


def test_a_policy_is_declared_once_for_the_restarts(application, services):
    app = application(charm(restart_or_defer, policy=Policy(limit='50%')), units=4)
    for number in (3, 2, 1):
        app.hook(number, 'config_changed')
    app.hook(0)
    entries = json.loads(app.app_bag['ops-coordinator'])['locks']['restart']['line']
    assert [entry['limit'] for entry in entries] == [2, 2, 2]
    app.hook(3)
    assert services.restarted == [], 'two of four'
    app.hook(2)
    assert len(services.restarted) == 1


def test_each_lock_may_have_a_policy_of_its_own(application):
    policy = {'backup': Policy(limit=3, order='unit-number')}
    app = application(both(lambda c: Serial(c, policy=policy)), units=4)
    for number in (3, 1):
        (app.root(number) / 'backup').touch()
        app.hook(number)
    app.hook(0)
    assert line(app, 'backup') == [1, 3]


def asked_by_three(application, policy):
    """An application of four, whose leader has just put three others in the line."""
    app = application(both(lambda c: Serial(c, policy={'backup': policy})), units=4)
    for number in (1, 2, 3):
        (app.root(number) / 'backup').touch()
        app.hook(number)
    app.hook(0)
    return app


def test_a_function_says_who_goes_first(application):
    asked = []

    def by_lag(units):
        asked.append(units)
        return ['app/3']

    app = asked_by_three(application, Policy(order=by_lag))
    assert line(app, 'backup') == [3, 1, 2]
    assert asked == [['app/1', 'app/2', 'app/3']], 'once'


@pytest.mark.parametrize(
    ('order', 'said'),
    [
        (lambda units: 1 / 0, 'its function order raised ZeroDivisionError: division by zero'),
        (lambda units: ['nobody'], "its function order returned an invalid unit name 'nobody'"),
        (lambda units: 3, 'its function order raised'),
    ],
)
def test_a_function_that_cannot_say_who_goes_first_stops_nobody(application, caplog, order, said):
    app = asked_by_three(application, Policy(order=order))
    assert line(app, 'backup') == [1, 2, 3]
    assert f'lock backup: units join as they come: {said}' in caplog.text


def test_a_command_of_the_file_says_who_goes_first(application, tmp_path):
    text = '[locks.backup]\norder-command = ["sh", "-c", "echo app/2"]\n'
    place = declared(tmp_path, text)
    policy = Policy.from_file(place, 'backup')
    assert policy == Policy.from_file(place, 'backup') != Policy()
    assert line(asked_by_three(application, policy), 'backup') == [2, 1, 3]


def test_a_blocker_holds_back_the_unit_whose_turn_it_is(application, services):
    said = ['a backup runs']
    policy = Policy(blocker=lambda: said[0])
    app = application(charm(restart_or_defer, policy=policy), units=2)
    app.hook(1, 'config_changed')
    app.hook(0)
    app.hook(1)
    assert services.restarted == []
    record = json.loads(app.units[1].bag['ops-coordinator'])
    assert record['locks']['restart']['held'] == 'blocked: a backup runs'
    said[0] = None
    app.hook(1)
    assert services.restarted != []


def test_a_blocker_that_raises_fails_the_hook(application, services):
    def blocker():
        raise RuntimeError('no database')

    app = application(charm(restart_or_defer, policy=Policy(blocker=blocker)), units=2)
    app.hook(1, 'config_changed')
    app.hook(0)
    error = app.failing_hook(1)
    assert 'no database' in str(error)
    assert services.restarted == []


def test_outside_its_window_a_unit_says_when_it_opens(application, services):
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=3)
    window = f'{later:%a} 02:00-05:00 UTC'
    app = application(charm(restart_or_defer, policy=Policy(window=window)), units=2)
    app.hook(1, 'config_changed')
    app.hook(0)
    app.hook(1)
    assert services.restarted == []
    record = json.loads(app.units[1].bag['ops-coordinator'])
    held = record['locks']['restart']['held']
    assert held == f'opens {later:%a} 02:00 UTC'


@pytest.mark.parametrize(
    ('wrong', 'said'),
    [
        ({'limit': '0%'}, 'a percentage such as'),
        ({'limit': 'many'}, 'must be a whole number from 1 to 100'),
        ({'order': 'random'}, 'leader-last'),
        ({'waves': 'rack'}, 'zone'),
        ({'lookahead': 99}, 'from 0 to 32'),
        ({'lookahead': '4'}, 'must be a whole number'),
        ({'window': '02:00-05:00 Atlantis'}, "unknown time zone 'Atlantis'"),
        ({'window': [7]}, 'must be text'),
        ({'blocker': 'true'}, 'must be a function'),
    ],
)
def test_a_policy_that_is_not_valid_says_what_is(wrong, said):
    with pytest.raises((TypeError, ValueError), match=said):
        Policy(**wrong)


def test_a_limit_and_a_policy_exclude_each_other(application):
    error = application(both(lambda c: Serial(c, limit=2, policy=Policy()))).failing_hook(0)
    assert str(error) == 'pass either limit or policy; a Policy has a limit too'


def test_policies_are_equal_if_they_say_the_same():
    assert Policy(**ROLL) == Policy(**ROLL)
    assert Policy(**ROLL) != Policy()


def declared(directory, text):
    """The directory of a charm with this `coordination.toml`."""
    (directory / 'coordination.toml').write_text(text)
    return directory


def test_a_file_declares_a_policy_as_for_a_charm_in_shell(tmp_path):
    text = (
        '[locks.restart]\nlimit = "25%"\norder = ["app/2", "app/0"]\nwaves = "zone"\n'
        'canary = true\nlookahead = 4\nwindow = "Mon-Fri 02:00-05:00 UTC"\n'
        '[locks.backup]\nlimit = 2\n'
    )
    place = declared(tmp_path, text)
    restart = Policy(
        limit='25%',
        order=['app/2', 'app/0'],
        waves='zone',
        canary=True,
        lookahead=4,
        window='Mon-Fri 02:00-05:00 UTC',
    )
    assert Policy.from_file(place) == restart
    assert Policy.from_file(str(place), 'backup') == Policy(limit=2)
    assert Policy.all_from_file(place) == {'restart': restart, 'backup': Policy(limit=2)}


def test_a_limit_from_a_file_is_in_the_line(application, tmp_path):
    place = declared(tmp_path, '[locks.backup]\nlimit = 2\n')
    app = application(both(lambda c: Serial(c, policy=Policy.all_from_file(place))), units=4)
    for number in (3, 2, 1):
        (app.root(number) / 'backup').touch()
        app.hook(number)
    app.hook(0)
    entries = json.loads(app.app_bag['ops-coordinator'])['locks']['backup']['line']
    assert [entry['limit'] for entry in entries] == [2, 2, 2]


def test_a_blocker_from_a_file_is_a_command_in_the_charms_directory(
    application, services, tmp_path
):
    blocker = tmp_path / 'may-restart'
    blocker.write_text(
        '#!/bin/sh\n[ -e allowed ] || { echo "not $OPS_COORDINATOR_LOCK"; exit 1; }\n'
    )
    blocker.chmod(0o755)
    place = declared(tmp_path, '[locks.restart]\nblocker = "./may-restart"\n')
    app = application(charm(restart_or_defer, policy=Policy.from_file(place)), units=2)
    app.hook(1, 'config_changed')
    app.hook(0)
    app.hook(1)
    assert services.restarted == []
    record = json.loads(app.units[1].bag['ops-coordinator'])
    assert record['locks']['restart']['held'] == 'blocked: not restart'
    (tmp_path / 'allowed').touch()
    app.hook(1)
    assert services.restarted != []


@pytest.mark.parametrize(
    ('text', 'said', 'hint'),
    [
        (None, r'coordination\.toml: there is no such file', 'docs/policies.md'),
        (
            '[locks.restart]\nlimt = 2\n',
            r'coordination\.toml, line 2: unknown field `limt`',
            'docs',
        ),
        ('[locks.restart]\nlimit = "0%"\n', r'coordination\.toml, line 2: ', 'docs/policies.md'),
        ('[locks.restrat]\n', "declares no lock 'restart'", r'add \[locks\.restart\]'),
        ('[locks.restart]\nsoak = "5s"\n', 'lock restart: a Python charm gives', 'docs'),
        ('[locks.restart]\non-failure = "stop"\n', 'a Python charm gives', 'docs'),
        (
            '[locks.restart]\nmax-unavailable = 1\n',
            'lock restart: max-unavailable needs a command that succeeds while a unit is',
            'docs',
        ),
        (
            '[locks.restart.shared]\nname = "db"\n',
            'lock restart: shared needs endpoints, endpoints-file or relation',
            'docs',
        ),
    ],
)
def test_a_file_that_cannot_be_used_says_why_and_where(tmp_path, text, said, hint):
    if text is not None:
        declared(tmp_path, text)
    with pytest.raises(CoordinatorError, match=said) as raised:
        Policy.from_file(tmp_path)
    assert re.search(hint, raised.value.hint)


def test_what_follows_an_operation_of_another_lock_is_not_in_the_way(tmp_path):
    place = declared(tmp_path, '[locks.restart]\nlimit = 2\n[locks.backup]\nsoak = "5s"\n')
    assert Policy.from_file(place) == Policy(limit=2)
