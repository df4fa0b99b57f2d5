"""A hook that holds a lock in etcd itself, for a teardown."""

import json
import os
import signal
import subprocess
import sys
import time

import ops
import pytest
from ops import testing
from ops_coordinator import (
    CoordinatorError,
    Policy,
    SharedLock,
    SharedLockLostError,
    SharedLockTimeoutError,
    SharedLockUnreachableError,
    _guard,
    _held,
    _shared,
)
from ops_coordinator._held import _Holder
from ops_coordinator.compat import rollingops
from ops_coordinator.testing import Machine
from turning import turning

LOCK = SharedLock('db-restart', endpoints='10.0.0.1')
OPTIONAL = SharedLock('db-restart', relation='etcd', optional=True)
META = {'requires': {'etcd': {'interface': 'etcd_client'}}}


@pytest.fixture
def machine():
    """A machine that says how the shared lock stands."""
    with Machine() as machine:
        yield machine


@pytest.fixture
def hook(application):
    """Run something in a hook of a charm whose policy names a lock; gives what it raises."""

    def run(act, lock=LOCK, **given):
        definition = turning(policy=Policy(shared=lock))
        definition.look = lambda charm: definition.told.append(attempt(act, charm))
        app = application(definition, meta=META)
        app.others = given.get('others', [])
        app.hook(0)
        return definition.told[0]

    return run


def attempt(act, charm):
    """What something raises, or what it returns."""
    try:
        return act(charm)
    except CoordinatorError as error:
        return error


# -- in a test of a charm


def test_a_block_has_the_token_and_an_end(hook, machine):
    machine.give_shared(7, lock='db-restart')

    def act(charm):
        with LOCK.held(charm, timeout=5) as turn:
            return turn, os.environ['OPS_COORDINATOR_TOKEN']

    turn, variable = hook(act)
    assert (turn.token, turn.left, variable) == (7, 20.0, '7')
    assert 'OPS_COORDINATOR_TOKEN' not in os.environ


def test_a_block_does_not_run_if_the_lock_is_not_to_be_had(hook, machine):
    machine.withhold_shared('1st in line, behind other/0', lock='db-restart')

    def act(charm):
        with LOCK.held(charm, timeout='5m'):
            pytest.fail('it has run')

    error = hook(act)
    assert isinstance(error, SharedLockTimeoutError) and isinstance(error, TimeoutError)
    said = 'db-restart: did not get it within 300 s: 1st in line, behind other/0'
    assert str(error) == said


def test_a_block_that_loses_the_lock_is_told(hook, machine):
    def act(charm):
        with LOCK.held(charm, timeout=5):
            machine.withhold_shared('lost', lock='db-restart')

    assert isinstance(hook(act), SharedLockLostError)


def test_what_the_block_raises_comes_out_as_it_is(hook, machine):
    def act(charm):
        with pytest.raises(KeyError), LOCK.held(charm, timeout=5):
            machine.withhold_shared('lost', lock='db-restart')
            raise KeyError

    assert hook(act) is None


def test_a_block_in_a_block_has_the_same_turn(hook, machine):
    def act(charm):
        prefix = 'ops-coordinator/'
        same = SharedLock('db-restart', endpoints='10.0.0.1', limit=2, prefix=prefix)
        with LOCK.held(charm, timeout=5) as outer, same.held(charm, timeout=5) as inner:
            return outer.token, inner.token

    assert hook(act) == (1, 1)


@pytest.mark.parametrize(('others', 'token'), [([], None), ([testing.Relation('etcd')], 1)])
def test_a_block_goes_without_an_optional_lock_as_long_as_there_is_no_relation(
    hook, others, token
):
    def act(charm):
        with OPTIONAL.held(charm, timeout=5) as turn:
            return turn and turn.token

    assert hook(act, OPTIONAL, others=others) == token


@pytest.mark.parametrize(
    ('timeout', 'error', 'said'),
    [
        (1.5, TypeError, 'timeout must be a whole number of seconds'),
        ('soon', ValueError, "timeout: 'soon' is no time"),
        (-1, ValueError, 'timeout: '),
    ],
)
def test_a_time_that_is_none_is_refused(hook, timeout, error, said):
    def act(charm):
        with pytest.raises(error, match=said):
            LOCK.held(charm, timeout=timeout)

    assert hook(act) is None


# -- in a hook of Juju's


@pytest.fixture
def in_juju(monkeypatch, tmp_path):
    """Hooks ask etcd, by way of a command that a test writes."""
    command = tmp_path / 'command'

    def write(script):
        command.write_text(f'#!/bin/bash\n{script}\n')
        command.chmod(0o755)

    for module in (_guard, _held):
        monkeypatch.setattr(module, 'said_by_test', lambda name: None)
    for module in (_shared, _held):
        monkeypatch.setattr(module, 'etcd_command', lambda: str(command))
    return write


HOLDS = """
read -r lock
echo "$lock" >{place}/lock
echo "$*" >{place}/words
until=$(($(cut -d. -f1 /proc/uptime) * 1000 + 30000))
echo '{{"waits": "1st in line, behind other/0"}}'
echo '{{"token": 7, "until": '$until', "ttl": 30000}}'
cat >/dev/null
touch {place}/back
"""


def test_the_command_is_told_the_lock_and_ends_with_the_block(hook, in_juju, tmp_path):
    in_juju(HOLDS.format(place=tmp_path))

    def act(charm):
        with LOCK.held(charm, timeout='5m') as turn:
            assert not (tmp_path / 'back').exists()
            return turn.token

    assert hook(act) == 7
    assert (tmp_path / 'back').exists()
    assert (tmp_path / 'words').read_text() == 'hold app/0 --timeout 300000ms\n'
    told = json.loads((tmp_path / 'lock').read_text())
    assert (told['name'], told['endpoints']) == ('db-restart', ['10.0.0.1'])


def test_a_block_that_raises_gives_the_lock_back(hook, in_juju, tmp_path):
    in_juju(HOLDS.format(place=tmp_path))

    def act(charm):
        with pytest.raises(KeyError), LOCK.held(charm, timeout=None):
            raise KeyError

    assert hook(act) is None
    assert (tmp_path / 'back').exists()
    assert (tmp_path / 'words').read_text() == 'hold app/0\n'


def test_a_command_whose_time_is_up_says_what_was_in_the_way(hook, in_juju):
    in_juju('echo \'{"trouble": "no answer from 10.0.0.1"}\'; exit 124')

    def act(charm):
        with LOCK.held(charm, timeout=5):
            pytest.fail('it has run')

    error = hook(act)
    assert type(error) is SharedLockTimeoutError
    assert str(error) == 'db-restart: did not get it within 5 s: no answer from 10.0.0.1'


@pytest.mark.parametrize(
    ('script', 'why'),
    [
        ('echo \'{"error": "no such file"}\'; exit 1', 'no such file'),
        ('kill -9 $$', 'the command in line for it has ended'),
    ],
)
def test_a_command_that_fails_runs_nothing(hook, in_juju, script, why):
    in_juju(script)

    def act(charm):
        with LOCK.held(charm, timeout=5):
            pytest.fail('it has run')

    error = hook(act)
    assert (type(error), str(error)) == (CoordinatorError, f'db-restart: {why}')


def test_a_command_that_stands_still_does_not_keep_the_hook(in_juju, tmp_path, monkeypatch):
    in_juju('exec sleep 600')
    monkeypatch.setattr(_held, '_LATE', 200)
    monkeypatch.setattr(_held, '_FAREWELL', 0.2)
    since = time.monotonic()
    with (
        pytest.raises(SharedLockTimeoutError, match='no answer'),
        _Holder([str(tmp_path / 'command')], '{}', 'db-restart', 300),
    ):
        pytest.fail('it has run')
    assert time.monotonic() - since < 20


def test_a_command_that_dies_takes_the_lock_with_it(in_juju, tmp_path):
    in_juju(HOLDS.format(place=tmp_path))
    with _Holder([str(tmp_path / 'command')], '{}', 'db-restart', None) as holder:
        assert holder.shared_turn('x')[::2] == (7, 10_000)
        os.kill(holder._process.pid, signal.SIGKILL)
        subprocess.run(['pkill', '-P', str(holder._process.pid)], check=False)
        while holder.shared_turn('x') is not None:
            time.sleep(0.01)


def test_without_a_relation_it_is_not_known_where_etcd_is(hook, in_juju):
    in_juju('echo never run >&2; exit 1')
    required = SharedLock('db-restart', relation='etcd')

    def act(charm):
        with required.held(charm, timeout=5):
            pytest.fail('it has run')

    error = hook(act, required)
    assert type(error) is SharedLockUnreachableError
    assert str(error) == 'db-restart in etcd: relation etcd does not exist'


def test_without_an_optional_lock_no_command_is_needed(hook, in_juju, monkeypatch):
    monkeypatch.setattr(_held, 'etcd_command', lambda: pytest.fail('it was looked for'))

    def act(charm):
        with OPTIONAL.held(charm, timeout=5) as turn:
            return turn

    assert hook(act, OPTIONAL) is None


def test_two_guards_in_each_other_both_watch(monkeypatch):
    """An operation that has a lock holds another one for a while."""
    from test_shared import Lease, guard

    since = time.monotonic()
    outer, inner = Lease(1400, 1000), Lease(60_000, 1000)
    lost = pytest.raises(SharedLockLostError)
    with lost, guard(outer, monkeypatch), guard(inner, monkeypatch):
        time.sleep(20)
    assert time.monotonic() - since < 10
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL


def test_charms_that_hold_nothing_do_not_import_it():
    code = 'import sys, ops_coordinator as o; o.SharedLock("a", endpoints="e"); '
    code += 'print([m for m in sys.modules if m.endswith("_held")])'
    said = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert json.loads(said.stdout) == []


# -- the synchronous lock of charmlibs-rollingops


class Managed(ops.CharmBase):
    """A charm with a lock of its own for where there is no etcd."""

    def __init__(self, framework):
        super().__init__(framework)
        said = self.said = []

        class Own(rollingops.SyncLockBackend):
            def acquire(self, timeout):
                said.append(f'own, {timeout} s')

            def release(self):
                said.append('own back')

        self.manager = rollingops.RollingOpsManager(
            self,
            callback_targets={},
            peer_relation_name='restart',
            etcd_relation_name='etcd',
            cluster_id='c',
            sync_lock_targets={'stop': Own()},
        )

    def hold(self):
        """Take the lock; gives what has happened."""
        with self.manager.acquire_sync_lock('stop', 5):
            self.said.append(f'inside, token {os.environ.get("OPS_COORDINATOR_TOKEN")}')
        return self.said


@pytest.fixture
def managed(monkeypatch):
    """Run something on the charm, with a relation to etcd or without."""
    monkeypatch.setattr(_shared, 'etcd_command', lambda: '/bin/true')

    def run(act, *relations):
        meta = {'name': 'app', 'peers': {'restart': {'interface': 'rolling_op'}}, **META}
        context = testing.Context(Managed, meta=meta)
        state = testing.State(relations=[testing.PeerRelation('restart'), *relations])
        with context(context.on.update_status(), state) as manager:
            return act(manager.charm)

    return run


def test_a_sync_lock_is_the_one_in_etcd_while_there_is_a_relation(managed, machine):
    machine.give_shared(3, lock='rollingops')
    assert managed(Managed.hold, testing.Relation('etcd')) == ['inside, token 3']


def test_without_a_relation_it_is_the_charms_own(managed, machine):
    said = ['own, 5 s', 'inside, token None', 'own back']
    assert managed(Managed.hold) == said


def test_a_sync_lock_that_is_not_free_in_time_is_replaced_by_no_other(managed, machine):
    machine.withhold_shared(lock='rollingops')

    def act(charm):
        with pytest.raises(TimeoutError):
            charm.hold()
        return charm.said

    assert managed(act, testing.Relation('etcd')) == []


def test_a_sync_lock_that_cannot_be_taken_is_replaced_by_no_other(managed, in_juju):
    in_juju('exit 1')

    def act(charm):
        with pytest.raises(rollingops.RollingOpsSyncLockError, match='is not ready'):
            charm.hold()
        return charm.said

    assert managed(act, testing.Relation('etcd')) == []
