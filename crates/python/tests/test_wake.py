"""The process that brings another hook where none comes of itself."""

import json
import os
import subprocess
import sys
import time

import ops_coordinator
import pytest
from conftest import charm, restart_or_defer

CONTEXT = 'app/0-update-status-1'


def wake(tmp_path, context):
    """Run the waker with a `juju-exec` that writes down how it was called."""
    state, programs, called = tmp_path / 'state', tmp_path / 'bin', tmp_path / 'called'
    (state / 'coordinator').mkdir(parents=True)
    programs.mkdir()
    session = {
        'context': context, 'relation': None, 'read_at': 0, 'leader': False, 'line': None,
        'peers': {}, 'running': [], 'finished_operation': False, 'wrote_record': False,
        'wrote_line': False, 'woke': True,
    }  # fmt: skip
    (state / 'coordinator' / 'session.json').write_text(json.dumps(session))
    exec_ = programs / 'juju-exec'
    # The first call is an empty command: it only waits for the end of the hook that asked.
    exec_.write_text(f'#!/bin/sh\n[ "$3" = true ] || printf "%s\\n" "$@" > {called}\n')
    exec_.chmod(0o755)
    command = [sys.executable, '-m', 'ops_coordinator._wake', 'app/0', str(state)]
    command += ['coordinator', CONTEXT, 'hook']
    home = os.path.dirname(os.path.dirname(ops_coordinator.__file__))
    path = f'{programs}:{os.environ["PATH"]}'
    subprocess.run(command, check=True, env={'PATH': path, 'PYTHONPATH': home})
    return called.read_text() if called.exists() else None


def test_a_unit_that_no_hook_came_to_is_woken(tmp_path):
    called = wake(tmp_path, CONTEXT)
    assert called.startswith('-u\napp/0\n')
    assert 'JUJU_DISPATCH_PATH=hooks/update-status' in called


def test_a_unit_that_had_a_hook_in_the_meantime_is_left_alone(tmp_path):
    assert wake(tmp_path, 'app/0-config-changed-2') is None


@pytest.mark.parametrize(
    ('hook', 'woken'),
    [('update-status', False), ('', True)],
)
def test_a_dispatch_that_juju_does_not_run_again_starts_a_waker_whoever_runs_it(
    application, services, monkeypatch, tmp_path, hook, woken
):
    """Observers of clusters run `juju-exec ... ./dispatch`, where there is no hook's name."""
    called, waker = tmp_path / 'called', tmp_path / 'waker'
    waker.write_text(f'#!/bin/sh\necho "$@" >> {called}\n')
    waker.chmod(0o755)

    class Charm(charm(restart_or_defer)):
        def __init__(self, framework):
            # Newer ops.testing says which hook it is, older does not.
            os.environ['JUJU_HOOK_NAME'] = hook
            super().__init__(framework)

    app = application(Charm)
    app.hook(0, 'config_changed')
    monkeypatch.setattr('ops_coordinator._dispatch.sys.executable', str(waker))
    monkeypatch.setenv('JUJU_CONTEXT_ID', CONTEXT)
    app.hook(0)
    assert services.restarted == ['web']
    end = time.monotonic() + (5 if woken else 0.3)
    while not called.exists() and time.monotonic() < end:
        time.sleep(0.02)
    assert called.exists() == woken
