"""Applications in Python that share a lock in etcd: real charms on labs, a real etcd."""

import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from ops_coordinator_lab import Lab

CHARM = Path(__file__).parents[1]
PATIENCE = 40


def until(what, reached):
    """Wait for something that must come; gives what it came to."""
    since = time.monotonic()
    while not (found := reached()):
        assert time.monotonic() - since < PATIENCE, f'never: {what}'
        time.sleep(0.02)
    return found


class Etcd:
    """A server of etcd that can be killed and started again."""

    def __init__(self, directory):
        self._directory = directory
        sockets = [socket.socket() for _ in range(2)]
        for one in sockets:
            one.bind(('127.0.0.1', 0))
        self._client, self._peer = (f'http://127.0.0.1:{s.getsockname()[1]}' for s in sockets)
        for one in sockets:
            one.close()
        self.start()

    @property
    def endpoint(self):
        """Where it is."""
        return self._client

    def start(self):
        """Start it, with what it knew before."""
        command = ['etcd', '--name', 'one', '--data-dir', self._directory / 'data']
        for option in ('listen-client-urls', 'advertise-client-urls'):
            command += [f'--{option}', self._client]
        for option in ('listen-peer-urls', 'initial-advertise-peer-urls'):
            command += [f'--{option}', self._peer]
        command += ['--initial-cluster', f'one={self._peer}']
        with (self._directory / 'etcd.log').open('ab') as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        port = int(self._client.rpartition(':')[2])
        until('etcd answers', lambda: listens(port))

    def kill(self):
        """Kill it."""
        self._process.kill()
        self._process.wait()


def listens(port):
    """Tell whether somebody listens at a port."""
    with socket.socket() as probe:
        return probe.connect_ex(('127.0.0.1', port)) == 0


@pytest.fixture
def etcd(tmp_path):
    """A server, which ends with the test."""
    (tmp_path / 'etcd').mkdir()
    server = Etcd(tmp_path / 'etcd')
    yield server
    server.kill()


@pytest.fixture
def application(tmp_path):
    """Deploy an application on a lab of its own; all of them write into one log."""
    labs = []

    def deploy(endpoint, units=1, seconds=0.3, **options):
        who = 'abc'[len(labs)]
        place = tmp_path / who
        place.mkdir()
        charm = tmp_path / f'{who}-charm'
        shutil.copytree(CHARM, charm, ignore=shutil.ignore_patterns('tests', '__pycache__'))
        spec = find_spec('ops_coordinator_etcd')
        shutil.copytree(Path(spec.origin).parent, charm / 'lib' / 'ops_coordinator_etcd')
        lab = Lab(place)
        labs.append(lab)
        config = {'endpoints': endpoint, 'who': who, 'log': str(tmp_path / 'log')}
        lab.deploy(charm, units=units, config={**config, 'seconds': seconds, **options})
        return lab

    yield deploy
    for lab in labs:
        lab.end()


@pytest.fixture
def log(tmp_path):
    """Read what the operations have said so far."""

    def read():
        file = tmp_path / 'log'
        return file.read_text().splitlines() if file.exists() else []

    return read


def deputy(lab):
    """The process of the first unit's deputy, None without one."""
    (unit,) = lab.directory.glob('unit-*-0/charm')
    try:
        said = (unit / '.ops-coordinator' / 'coordinator' / 'deputy.json').read_text()
    except FileNotFoundError:
        return None
    return (json.loads(said)['process'] or {}).get('id')


def never_two(lines):
    """Check that nobody goes in before the one inside has gone out, and that tokens grow."""
    tokens = []
    for enter, leave in zip(lines[::2], lines[1::2], strict=True):
        assert enter[0] == '+' and leave[0] == '-' and enter[1:] == leave[1:], lines
        tokens.append((int(enter.split()[2]), enter.split()[1]))
    for one, other in itertools.pairwise(tokens):
        assert other[0] > one[0] or other == one, lines


def roll(labs):
    """Begin a roll of several applications at once."""
    for lab in labs:
        lab.wait_idle()
    for lab in labs:
        lab.config(message='x')


def test_two_applications_are_never_inside_at_once(etcd, application, log):
    labs = [application(etcd.endpoint, units=2) for _ in range(2)]
    roll(labs)
    until('all have run', lambda: len(log()) == 8)
    for lab in labs:
        lab.wait_idle()
    never_two(log())
    assert {line.split()[1] for line in log()} == {'a-0', 'a-1', 'b-0', 'b-1'}
    until('the deputies have ended', lambda: not any(map(deputy, labs)))


def test_without_a_shared_lock_two_are_inside(application, log):
    """A control: what the test above looks for is there."""
    labs = [application('', seconds=2) for _ in range(2)]
    roll(labs)
    until('all have run', lambda: len(log()) == 4)
    with pytest.raises(AssertionError):
        never_two(log())


def test_an_operation_ends_when_etcd_goes_away_and_runs_again_when_it_is_back(
    etcd, application, log
):
    lab = application(etcd.endpoint, seconds=4, message='x')
    until('it is inside', log)
    since = time.monotonic()
    etcd.kill()
    until('it was interrupted', lambda: len(log()) == 2)
    assert time.monotonic() - since < 3, 'it has not waited for its end'

    def waits():
        (unit,) = lab.status().units.values()
        return 'db-restart' in unit.message

    until('its status says for what it waits', waits)
    assert len(log()) == 2
    etcd.start()
    until('it has run', lambda: len(log()) == 4)
    lab.wait_idle()
    never_two(log())


def test_when_a_deputy_is_killed_the_next_one_keeps_the_turn(etcd, application, log):
    lab = application(etcd.endpoint, seconds=4, message='x')
    until('it is inside', log)
    killed = deputy(lab)
    os.kill(killed, signal.SIGKILL)
    until('there is another', lambda: deputy(lab) not in (None, killed))
    until('it has run', lambda: len(log()) == 2)
    lab.wait_idle()
    assert len(log()) == 2, 'it was not interrupted'
    never_two(log())
