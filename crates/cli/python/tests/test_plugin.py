"""The fixture, in runs of pytest of their own."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from ops_coordinator_lab import LabError, _toml, command

pytest_plugins = ['pytester']

CHARM = """#!/bin/bash
set -eu
case ${JUJU_DISPATCH_PATH##*/} in
  start) status-set active ready ;;
  go) action-set zone="$JUJU_AVAILABILITY_ZONE" n="$(action-get n)"
      [ "$(action-get fail)" = '' ] || action-fail 'not today' ;;
  config-changed) lab-mark enter config; sleep 0.3; lab-mark leave config ;;
esac
"""


@pytest.fixture
def charm(pytester):
    """A charm that marks no lock but `config`, on all units at once."""
    place = pytester.mkdir('charm')
    (place / 'metadata.yaml').write_text('name: app\npeers:\n  cluster:\n    interface: peers\n')
    (place / 'config.yaml').write_text('options:\n  message: {type: string, default: hello}\n')
    (place / 'actions.yaml').write_text(
        'go: {params: {n: {type: integer}, fail: {type: string}}}\n'
    )
    (place / 'dispatch').write_text(CHARM)
    (place / 'dispatch').chmod(0o755)
    return place


def outcome(pytester, *lines):
    """Run a test of these lines on two units; gives the result of pytest."""
    body = textwrap.indent('\n'.join(lines), '    ')
    head = 'import pytest\nfrom ops_coordinator_lab import LabError\n\n\ndef test_it(lab):\n'
    start = "    lab.deploy('charm', units=2, zones=2)\n    lab.wait_idle()\n"
    pytester.makepyfile(head + start + body)
    return pytester.runpytest_subprocess('-p', 'no:cacheprovider')


def labs():
    """The processes of labs that were started by tests in this directory."""
    place = str(Path.cwd())
    found = []
    for process in Path('/proc').glob('[0-9]*'):
        try:
            line = (process / 'cmdline').read_bytes().decode(errors='replace')
        except OSError:
            continue
        if place in line and 'stay-until-eof' in line:
            found.append(process.name)
    return found


def test_units_are_asked_changed_and_judged(pytester, charm):
    outcome(
        pytester,
        "assert lab.run_action(1, 'go', n=4).results == {'zone': 'az2', 'n': '4'}",
        "with pytest.raises(LabError, match='not today'):",
        "    lab.run_action('leader', 'go', fail='yes')",
        "assert not lab.run_action('app/0', 'go', fail='yes', check=False).completed",
        "assert lab.exec('leader', 'is-leader').stdout == 'True\\n'",
        "assert lab.exec(1, 'sh', '-c', 'exit 7', check=False).code == 7",
        "with pytest.raises(LabError, match='app/9 does not exist'):",
        "    lab.exec(9, 'true', check=False)",
        'lab.add_unit()',
        'lab.remove_unit(0)',
        "assert set(lab.wait_idle().units) == {'app/1', 'app/2'}",
        "assert {turn.unit for turn in lab.turns('config')} == {'app/0', 'app/1', 'app/2'}",
        'lab.config(message=\'a "quoted" \\\\ text\\n\')',
        "assert lab.exec(1, 'config-get', 'message').stdout == 'a \"quoted\" \\\\ text\\n\\n'",
        "lab.step(expect={'units': 2})",
        "with pytest.raises(LabError, match='expected 3'):",
        "    lab.step(expect={'units': 3})",
    ).assert_outcomes(passed=1)
    assert labs() == []


def test_a_lock_with_too_many_inside_fails_the_test_which_shows_the_logs(pytester, charm):
    result = outcome(
        pytester, "lab.never_more_than(2, 'config')", "lab.never_more_than(1, 'config')"
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            '*AssertionError: 2 units were inside config at *: app/0 app/1',
            '*- lab -*',
            'the files are in *',
            'what the lab said:',
            'unit-app-0:',
            '*config-changed: begins',
        ]
    )
    assert labs() == []


def test_a_lock_that_nobody_marks_proves_nothing(pytester, charm):
    result = outcome(pytester, "lab.never_more_than(1, 'restart')")
    result.stdout.fnmatch_lines(['*AssertionError: no unit was ever inside restart*'])


def test_a_charm_that_cannot_run_is_refused_with_the_reason(pytester, charm):
    (charm / 'metadata.yaml').write_text('summary: a charm without a name\n')
    outcome(pytester).stdout.fnmatch_lines(['*LabError: *metadata.yaml*'])


def test_the_lab_ends_with_a_program_that_is_killed(pytester, charm):
    script = (
        'import os, sys, signal, ops_coordinator_lab\n'
        f'lab = ops_coordinator_lab.Lab({str(pytester.path)!r})\n'
        f'lab.deploy({str(charm)!r})\n'
        'print(lab._process.pid, flush=True)\n'
        'os.kill(os.getpid(), signal.SIGKILL)\n'
    )
    done = subprocess.run([sys.executable, '-c', script], capture_output=True, check=False)
    assert done.returncode == -9, done.stderr
    pid = int(done.stdout)
    for _ in range(200):
        if not Path(f'/proc/{pid}/stat').exists():
            return
        subprocess.run(['sleep', '0.05'], check=True)
    pytest.fail('the lab still runs')


def test_the_command_is_the_one_beside_this_python():
    assert command().samefile(Path(sys.executable).parent / 'ops-coordinator')
    assert os.access(command(), os.X_OK)


def test_nothing_runs_before_a_charm_is_deployed(lab):
    with pytest.raises(LabError, match='call deploy first'):
        lab.status()


def test_what_toml_cannot_say_is_refused():
    assert (
        _toml.table({'a': True, 'b': None, 'c': [1, 'x\x7f']})
        == '"a" = true\n"c" = [1, "x\\u007f"]'
    )
    with pytest.raises(TypeError, match='no text, number'):
        _toml.value(b'')
