"""Applications in Python that share a lock in etcd: real charms on labs, a real etcd."""

import os
import signal
import time

import pytest
from observing import deputy, never_two, roll, until


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
