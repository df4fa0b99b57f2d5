"""The process that brings another hook where none comes of itself."""

import json
import os
import subprocess
import sys

import ops_coordinator

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
    exec_.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {called}\n')
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
