"""A real etcd, and applications on labs that share a lock there."""

import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from observing import until
from ops_coordinator_lab import Lab
from servers import Etcd

CHARM = Path(__file__).parents[1]
COMMAND = Path(find_spec('ops_coordinator_etcd').origin).with_name('ops-coordinator')


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

    def deploy(endpoint, units=1, *, charm=CHARM, prepare=None, seed=0, **options):
        who = 'abc'[len(labs)]
        place = tmp_path / who
        place.mkdir()
        copy = tmp_path / f'{who}-charm'
        shutil.copytree(charm, copy, ignore=shutil.ignore_patterns('tests', '__pycache__'))
        shutil.copytree(COMMAND.parent, copy / 'lib' / 'ops_coordinator_etcd')
        if prepare:
            prepare(copy)
        lab = Lab(place)
        labs.append(lab)
        config = {'endpoints': endpoint, 'who': who, 'log': str(tmp_path / 'log')}
        lab.deploy(copy, units=units, seed=seed, config={**config, **options})
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


@pytest.fixture
def stranger(etcd, tmp_path):
    """Somebody without Juju who has the lock until the test lets it go."""
    there = tmp_path / 'stranger'
    command = [COMMAND, 'lock', '--etcd', etcd.endpoint, '--as', 'other/0', 'db-restart', '--']
    script = f'touch {there}; read -r end; rm {there}'
    process = subprocess.Popen([*command, 'sh', '-c', script], stdin=subprocess.PIPE)
    until('the stranger has the lock', there.exists)

    def leave():
        process.stdin.close()
        assert process.wait() in (0, 1)

    yield leave
    process.stdin.close()
    process.wait()
