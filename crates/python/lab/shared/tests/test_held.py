"""A hook that holds the lock itself, beside the operations of two applications: a real etcd."""

import json
import os
import signal
import threading
import time

from observing import deputy, never_two, roll, until

HOOK = 'touch hold; JUJU_DISPATCH_PATH=hooks/update-status ./dispatch'


def hold(lab):
    """Let a hook hold the lock, beside the test."""
    thread = threading.Thread(target=lambda: lab.exec(0, HOOK, check=False))
    thread.start()
    return thread


def process(lab):
    """The process of the hook that holds the lock, or wants it."""
    (unit,) = lab.directory.glob('unit-*-0/charm')
    file = unit / 'process'
    return int(file.read_text() or 0) if file.exists() else 0


def test_a_teardown_and_the_operations_of_another_application_take_turns(etcd, application, log):
    rolling = application(etcd.endpoint, 2, seconds=1)
    leaving = application(etcd.endpoint, 2, seconds=1, patience='1m')
    leaving.wait_idle()
    roll([rolling])
    until('one is inside', log)
    leaving.remove_unit(0)
    leaving.remove_unit(1)
    until('all are done', lambda: len(log()) == 8)
    rolling.wait_idle()
    never_two(log())
    assert {line.split()[1] for line in log()} == {'a-0', 'a-1', 'b-0', 'b-1'}
    until('both are gone', lambda: not leaving.status().units)
    until('the line is empty', lambda: etcd.tickets() == [])


def test_what_is_not_to_be_had_in_time_does_not_run_and_leaves_the_line(
    etcd, application, log, stranger
):
    lab = application(etcd.endpoint, patience='1s')
    lab.wait_idle()
    hold(lab).join()
    (said,) = log()
    assert said == '! a-0 db-restart: did not get it within 1 s: 1st in line, behind other/0'
    assert len(etcd.tickets()) == 1, 'only the stranger is left'


def test_a_hook_that_is_killed_gives_the_lock_back_at_once(etcd, application, log):
    labs = [application(etcd.endpoint, seconds=60, ttl='1m', patience='1m') for _ in range(2)]
    for lab in labs:
        lab.wait_idle()
    threads = [hold(labs[0])]
    until('the first is inside', log)
    threads.append(hold(labs[1]))
    until('the second waits', lambda: len(etcd.tickets()) == 2)
    since = time.monotonic()
    os.kill(process(labs[0]), signal.SIGKILL)
    until('the second is inside', lambda: len(log()) == 2)
    assert time.monotonic() - since < 20, 'its lease has not ended, it was given back'
    os.kill(process(labs[1]), signal.SIGKILL)
    for thread in threads:
        thread.join()
    until('the line is empty', lambda: etcd.tickets() == [])


def test_a_hook_does_not_stand_behind_its_own_unit(etcd, application, log, stranger):
    """The unit's deputy is in the line already, for an operation that comes after this hook."""
    lab = application(etcd.endpoint, seconds=0.5, patience='30s')
    lab.wait_idle()
    lab.config(message='x')
    until('its deputy waits', lambda: len(etcd.tickets()) == 2)
    thread = hold(lab)
    until('the hook waits', lambda: process(lab))
    time.sleep(1.2)
    assert len(etcd.tickets()) == 2, 'it has one place'
    stranger()
    thread.join()
    until('both have run', lambda: len(log()) == 4)
    lab.wait_idle()
    never_two(log())
    assert len(set(log()[::2])) == 1, f'one turn served both: {log()}'
    until('the line is empty', lambda: etcd.tickets() == [])


def test_what_is_inside_is_told_when_the_lease_cannot_be_renewed(etcd, application, log):
    lab = application(etcd.endpoint, seconds=30, ttl='3s', patience='1m')
    lab.wait_idle()
    thread = hold(lab)
    until('it is inside', log)
    since = time.monotonic()
    etcd.kill()
    thread.join()
    assert time.monotonic() - since < 20, 'it has not waited for its end'
    assert [line[0] for line in log()] == ['+', '-', '?'], log()


def test_what_is_inside_is_told_at_once_when_its_ticket_is_deleted(etcd, application, log):
    lab = application(etcd.endpoint, seconds=60, ttl='5m', patience='1m')
    lab.wait_idle()
    thread = hold(lab)
    until('it is inside', log)
    (ticket,) = etcd.tickets()
    value = json.loads(etcd.ctl('get', '--print-value-only', ticket))
    assert value['who'].startswith('shared/0') and value['who'].endswith(', update-status')
    etcd.ctl('del', ticket)
    thread.join()
    assert [line[0] for line in log()] == ['+', '-', '?'], log()
    assert deputy(lab) is None


def test_the_same_lock_serves_a_hook_in_shell(etcd, application, log, stranger):
    """What docs/etcd.md says for charms in shell."""
    lab = application(etcd.endpoint)
    lab.wait_idle()
    lock = f'lib/ops_coordinator_etcd/ops-coordinator lock --etcd {etcd.endpoint}'
    done = lab.exec(0, f'{lock} --timeout 500ms db-restart -- touch inside', check=False)
    assert done.code == 124, done
    stranger()
    lab.exec(0, f'{lock} --timeout 1m db-restart -- touch inside')
    (unit,) = lab.directory.glob('unit-*-0/charm')
    assert (unit / 'inside').exists()
