#!/usr/bin/env python3
"""A machine charm in the style of charmhelpers: one program behind the name of every hook."""

import glob
import os
import shutil
import subprocess
import sys
import time

from charmhelpers import coordinator
from charmhelpers.core import hookenv

# charmhelpers runs the machine agent's binary to learn the version. Where there is none, as in the
# lab or a Kubernetes pod, the same words are in the environment.
if not glob.glob('/var/lib/juju/tools/machine-*/jujud'):
    hookenv.juju_version = lambda: os.environ['JUJU_VERSION']

LOCK = 'restart'
APPLIED = 'applied-message'

hooks = hookenv.Hooks()
serial = coordinator.Serial()


def applied():
    """The message that the last restart took over; None before the first."""
    try:
        with open(APPLIED, encoding='utf-8') as f:
            return f.read()
    except FileNotFoundError:
        return None


def apply():
    """Take the configuration over."""
    with open(APPLIED, 'w', encoding='utf-8') as f:
        f.write(hookenv.config('message'))


def needs_restart():
    """Say whether the service runs with another message than the configured one."""
    return applied() != hookenv.config('message')


def mark(what):
    """Tell the lab that the critical section begins or ends; elsewhere do nothing."""
    if shutil.which('lab-mark'):
        subprocess.check_call(['lab-mark', what, LOCK])


@serial.require(LOCK, needs_restart)
def maybe_restart():
    """Restart, if it is needed and it is our turn."""
    if not needs_restart():
        return
    mark('enter')
    time.sleep(0.2)  # the service stops and starts
    apply()
    mark('leave')


@hooks.hook('install')
def install():
    """The service starts out with the message of the day: no restart is due."""
    apply()


@hooks.hook('stop', 'remove')
def farewell():
    """Nothing to stop."""


@hooks.hook(
    'config-changed',
    'start',
    'update-status',
    'upgrade-charm',
    'leader-elected',
    'leader-settings-changed',
    'cluster-relation-created',
    'cluster-relation-joined',
    'cluster-relation-changed',
    'cluster-relation-departed',
)
def any_other():
    """The lock may be ours in any hook, so every hook tries."""
    maybe_restart()
    hookenv.status_set('active', applied() or '')


if __name__ == '__main__':
    hooks.execute(sys.argv)
