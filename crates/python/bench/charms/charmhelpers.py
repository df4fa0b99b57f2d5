#!/usr/bin/env python3
"""On the coordinator of charmhelpers."""

import os

import ops
import service
from charmhelpers import coordinator
from charmhelpers.core import hookenv

# charmhelpers asks the machine agent's program for Juju's version, which the lab does not have.
# On a machine that is one process more in every hook.
hookenv.juju_version = lambda: os.environ['JUJU_VERSION']


class Rolling(ops.CharmBase):
    """Restarts in turn whenever the setting changes."""

    def __init__(self, framework):
        super().__init__(framework)
        self._locks = coordinator.Serial()
        # What charmhelpers' own main program does before and after a hook.
        hookenv._run_atstart()
        framework.observe(framework.on.pre_commit, self._on_pre_commit)
        # The lock may be ours in any hook, and is given back at its end: so each hook must try.
        peers = self.on['coordinator']
        for event in (
            self.on.config_changed,
            self.on.leader_elected,
            self.on.leader_settings_changed,
            self.on.start,
            self.on.update_status,
            self.on.upgrade_charm,
            peers.relation_changed,
            peers.relation_created,
            peers.relation_departed,
            peers.relation_joined,
        ):
            framework.observe(event, self._on_any)

    def _on_any(self, _):
        if service.needs_restart(self.config) and self._locks.acquire(service.LOCK):
            service.restart(self.config)

    def _on_pre_commit(self, _):
        hookenv._run_atexit()


if __name__ == '__main__':
    ops.main(Rolling)
