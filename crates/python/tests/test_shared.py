"""Operations that need a lock in etcd beside their turn."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import charm, counters, record, restart_or_defer
from ops_coordinator import (
    CoordinatorError,
    OperationResult,
    Policy,
    Serial,
    SharedLock,
    SharedLockLostError,
    _etcd_command,
    _guard,
)
from ops_coordinator._guard import Guard
from ops_coordinator.testing import Machine
from turning import turning

LOCK = SharedLock('db-restart', endpoints='10.0.0.1,10.0.0.2')
SHARED = Policy(limit=2, shared=LOCK)


@pytest.fixture
def machine():
    """A machine that says how the shared lock stands."""
    with Machine() as machine:
        yield machine


# -- what is declared


def test_equal_locks_are_equal_however_they_are_written():
    same = SharedLock('db-restart', endpoints=['10.0.0.1', '10.0.0.2'], ttl=30, limit=1)
    assert same == LOCK and hash(LOCK) == hash(same)
    assert LOCK.endpoints == ('10.0.0.1', '10.0.0.2')
    assert LOCK.ttl == 30
    assert Policy(shared=LOCK) == Policy(shared=same) != Policy()
    assert SharedLock('db-restart', endpoints='10.0.0.1') != LOCK


def test_a_file_declares_what_code_declares(tmp_path):
    (tmp_path / 'coordination.toml').write_text(
        '[locks.restart]\nlimit = 2\n[locks.restart.shared]\nname = "db"\nlimit = 3\nttl = "1m"\n'
        'endpoints-file = "where"\ncacert = "ca"\ncert = "c"\nkey = "k"\nprefix = "p/"\n'
    )
    code = SharedLock(
        'db',
        limit=3,
        ttl='1m',
        endpoints_file='where',
        cacert='ca',
        cert='c',
        key='k',
        prefix='p/',
    )
    assert Policy.from_file(tmp_path) == Policy(limit=2, shared=code)


def test_a_relation_says_where_etcd_is(tmp_path):
    (tmp_path / 'coordination.toml').write_text(
        '[locks.restart.shared]\nname = "db"\nrelation = "etcd"\ncert = "c"\nkey = "k"\n'
    )
    code = SharedLock('db', relation='etcd', cert='c', key='k')
    assert code.endpoints is None
    assert not code.optional
    assert Policy.from_file(tmp_path) == Policy(shared=code)


def test_a_lock_to_which_a_relation_leads_may_be_optional(tmp_path):
    (tmp_path / 'coordination.toml').write_text(
        '[locks.restart.shared]\nname = "db"\nrelation = "etcd"\noptional = true\n'
    )
    code = SharedLock('db', relation='etcd', optional=True)
    assert code != SharedLock('db', relation='etcd')
    assert Policy.from_file(tmp_path) == Policy(shared=code)


@pytest.mark.parametrize(
    ('options', 'error', 'said'),
    [
        ({}, ValueError, 'shared needs endpoints, endpoints-file or relation: where etcd is'),
        ({'endpoints': 'a', 'endpoints_file': 'b'}, ValueError, 'keep one'),
        ({'relation': 'etcd', 'endpoints_file': 'b'}, ValueError, 'keep one'),
        ({'relation': 'etcd', 'cacert': 'ca'}, ValueError, 'leave cacert out'),
        ({'relation': 1}, TypeError, 'relation must be text, not 1'),
        ({'endpoints': 'a', 'optional': True}, ValueError, 'optional without relation'),
        ({'relation': 'a', 'optional': 1}, TypeError, 'optional must be true or false, not 1'),
        ({'endpoints': ' , '}, ValueError, 'shared names no endpoint'),
        ({'endpoints': 'a', 'cert': 'c'}, ValueError, 'needs both cert and key, or neither'),
        ({'endpoints': 'a', 'limit': 0}, ValueError, 'the limit of a shared lock is 1 to 1000'),
        ({'endpoints': 'a', 'limit': -1}, ValueError, 'limit must not be negative'),
        ({'endpoints': 'a', 'ttl': '1s'}, ValueError, 'the ttl of a shared lock is 2s or more'),
        ({'endpoints': 'a', 'ttl': 'soon'}, ValueError, "'soon' is no time"),
        ({'endpoints': 'a', 'ttl': 2.5}, TypeError, 'ttl must be a whole number, not 2.5'),
        ({'endpoints': [1]}, TypeError, 'an endpoint must be text, not 1'),
        ({'endpoints': 'a', 'limit': True}, TypeError, 'limit must be a whole number'),
        ({'endpoints': 'a', 'prefix': 1}, TypeError, 'prefix must be text, not 1'),
    ],
)
def test_what_is_not_valid_is_refused_in_the_words_of_the_file(options, error, said):
    with pytest.raises(error, match=said):
        SharedLock('db', **options)


def test_what_cannot_be_a_name_or_a_lock_is_refused():
    with pytest.raises(ValueError, match='lock name'):
        SharedLock('no good', endpoints='a')
    with pytest.raises(TypeError, match='shared must be a SharedLock, not'):
        Policy(shared='db')


# -- the command


def test_a_command_that_is_not_there_is_named_with_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(_etcd_command, '_PACKAGE', 'not_there_at_all')
    with pytest.raises(CoordinatorError, match=r'let the charm install ops-coordinator\[etcd\]'):
        LOCK.require_command()
    (tmp_path / 'stand_in').mkdir()
    (tmp_path / 'stand_in' / '__init__.py').write_text('raise RuntimeError("imported")')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(_etcd_command, '_PACKAGE', 'stand_in')
    with pytest.raises(CoordinatorError, match='from its wheel'):
        LOCK.require_command()
    command = tmp_path / 'stand_in' / 'ops-coordinator'
    command.touch(0o755)
    assert LOCK.require_command() == command


def test_without_the_command_nothing_begins_and_everybody_sees_why(application, monkeypatch):
    monkeypatch.setattr(_etcd_command, '_PACKAGE', 'not_there_at_all')
    monkeypatch.setattr(_guard, 'said_by_test', lambda name: None)
    reasons = []
    definition = turning(policy=SHARED)
    definition.look = lambda charm: reasons.append(charm.turns.state.reason)
    app = application(definition)
    # A hook of Juju's has one, and starts what outlives it; the deputy is not there to start.
    real = Guarded(monkeypatch)
    app.hook(0, 'config_changed')
    app.hook(0)
    app.hook(0)
    assert definition.ran == []
    assert real.asked > 0
    assert record(app, 0)['held'] == 'waits for db-restart, no deputy'
    assert 'waits for db-restart' in reasons[-1]


class Guarded:
    """Lets a hook look for its deputy as it does in Juju."""

    def __init__(self, monkeypatch):
        from ops_coordinator import _dispatch

        self.asked = 0
        hook = _dispatch.Hook

        def deputy():
            self.asked += 1
            return _etcd_command.etcd_command()

        monkeypatch.setattr(_dispatch, 'Hook', lambda *a, **k: hook(*a, **{**k, 'deputy': deputy}))


# -- turns


def test_an_operation_has_the_token_and_an_end(application, machine):
    machine.give_shared(7)
    seen = []

    def look(charm):
        seen.append((charm.turns.shared_turn, os.environ['OPS_COORDINATOR_TOKEN']))

    definition = turning(policy=SHARED)
    definition.answers['restart'] = look
    definition.look = lambda charm: seen.append(charm.turns.shared_turn)
    app = application(definition)
    app.hook(0, 'config_changed')
    app.hook(0)
    before, (turn, variable), _ = seen
    assert before is None, 'its turn had not come'
    assert (turn.token, turn.left, variable) == (7, 20.0, '7')
    assert 'OPS_COORDINATOR_TOKEN' not in os.environ
    assert counters(app, 0) == (1, 1, 'done')


def test_without_a_shared_lock_there_is_no_token(application, machine):
    definition = turning()
    definition.answers['restart'] = lambda charm: definition.told.append(charm.turns.shared_turn)
    app = application(definition)
    app.hook(0, 'config_changed')
    app.hook(0)
    assert None in definition.told


def test_an_operation_waits_for_the_lock_and_says_for_what(application, machine):
    machine.withhold_shared('waits for db-restart in etcd')
    definition = turning(policy=SHARED)
    app = application(definition, 2)
    app.hook(0, 'config_changed')
    app.hook(0)
    app.hook(0)
    assert definition.ran == []
    assert record(app, 0)['held'] == 'waits for db-restart in etcd'
    assert 'waits for db-restart in etcd' in definition.states[-1].reason
    machine.give_shared()
    app.hook(0)
    assert definition.ran == [('app/0', 'restart', {})]


def test_an_operation_that_loses_the_lock_has_failed(application, machine):
    definition = turning(policy=SHARED, on_failure='stop')
    definition.answers['restart'] = lambda charm: machine.withhold_shared('lost')
    app = application(definition)
    app.hook(0, 'config_changed')
    app.hook(0)
    assert counters(app, 0) == (1, 0, 'failed')
    why = 'restart: restart: the shared lock was lost; the operation may not have been alone'
    assert ('stopped', 'restart', why) in definition.told


def test_every_attempt_needs_the_lock(application, machine):
    definition = turning(policy=SHARED)
    definition.answers['restart'] = [OperationResult.RETRY_HOLD, OperationResult.RELEASE]
    app = application(definition)
    app.hook(0, 'config_changed')
    app.hook(0)
    machine.withhold_shared()
    app.hook(0)
    assert len(definition.ran) == 1
    machine.give_shared()
    app.hook(0)
    assert len(definition.ran) == 2
    assert counters(app, 0) == (1, 1, 'done')


def test_a_restart_needs_the_lock(application, machine, services):
    app = application(charm(restart_or_defer, policy=SHARED))
    machine.withhold_shared()
    app.hook(0, 'config_changed')
    app.hook(0)
    app.hook(0)
    assert services.restarted == []
    machine.give_shared()
    app.hook(0)
    assert services.restarted == ['web']


def test_a_lock_by_name_tells_its_shared_turn(application, machine):
    import ops

    seen = []

    class Charm(ops.CharmBase):
        def __init__(self, framework):
            super().__init__(framework)
            self.serial = Serial(self, policy=SHARED)
            framework.observe(self.on.update_status, self._on_update_status)

        def _on_update_status(self, _):
            seen.append((self.serial.acquire('backup'), self.serial.shared_turn('backup')))

    machine.give_shared(9, lock='backup')
    app = application(Charm)
    app.hook(0)
    app.hook(0)
    assert seen[0] == (False, None)
    assert seen[1][0] and seen[1][1].token == 9


# -- the guard, with a lease as a deputy would keep it


class Lease:
    """What a hook reads of its lease."""

    def __init__(self, left=3000, grace=1000):
        self.until, self.grace, self.token = time.monotonic() + left / 1000, grace, 5
        self.is_busy = False

    def shared_turn(self, lock):
        """Answer as the native hook does."""
        if self.is_busy:
            raise CoordinatorError('the hook is busy')
        left = round((self.until - time.monotonic()) * 1000)
        return (self.token, left, self.grace) if left > 0 else None


def guard(lease, monkeypatch):
    """A guard of a hook in Juju."""
    monkeypatch.setenv('JUJU_CONTEXT_ID', 'app/0-x')
    return Guard(lease, 'restart', 'restart')


def test_what_waits_is_interrupted_when_a_third_of_the_lease_is_left(monkeypatch):
    since = time.monotonic()
    lost = pytest.raises(SharedLockLostError, match='was interrupted')
    with lost, guard(Lease(1200, 800), monkeypatch):
        subprocess.run(['sleep', '20'], check=True)
    assert 0.3 < time.monotonic() - since < 5
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_a_lease_that_is_renewed_interrupts_nothing(monkeypatch):
    lease = Lease(1200, 1000)
    with guard(lease, monkeypatch):
        for _ in range(10):
            time.sleep(0.05)
            lease.until = time.monotonic() + 1.2


def test_what_begins_without_a_lease_is_refused(monkeypatch):
    lost = pytest.raises(SharedLockLostError, match='did not begin')
    with lost, guard(Lease(900, 1000), monkeypatch):
        pytest.fail('it has begun')


def test_another_token_is_another_turn(monkeypatch):
    lease = Lease()
    with pytest.raises(SharedLockLostError), guard(lease, monkeypatch):
        lease.token = 6
        time.sleep(5)


def test_a_hook_that_is_busy_is_believed_until_the_end_that_it_has_told(monkeypatch):
    lease, since = Lease(1500, 1000), time.monotonic()
    with pytest.raises(SharedLockLostError), guard(lease, monkeypatch):
        lease.is_busy = True
        time.sleep(5)
    assert 0.4 < time.monotonic() - since < 2


def test_what_goes_on_past_the_lease_ends_with_the_process(tmp_path):
    code = """
import sys, time
from ops_coordinator._guard import Guard, SharedLockLostError
from test_shared import Lease
try:
    with Guard(Lease(900, 600), 'restart', 'restart'):
        while True:
            try:
                time.sleep(9)
            except SharedLockLostError:
                print('interrupted', flush=True)
finally:
    print('never reached')
"""
    environment = {**os.environ, 'JUJU_CONTEXT_ID': 'app/0-x'}
    environment['PYTHONPATH'] = os.path.dirname(__file__)
    since = time.monotonic()
    command = [sys.executable, '-c', code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert done.stdout == 'interrupted\n'
    assert time.monotonic() - since > 0.6


def test_charms_without_a_shared_lock_do_not_import_it():
    code = 'import sys, ops_coordinator as o; o.Turns, o.Policy(), o.OpsCoordinator; '
    code += 'print([m for m in sys.modules if m.endswith(("_shared", "_guard"))])'
    said = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert json.loads(said.stdout) == []
