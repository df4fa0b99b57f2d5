"""The original library's way to coordinate, on the coordinator of charmhelpers that it carried.

It stands in for the original, which is not on PyPI. What counts here is what it leaves behind: its
requests in the unit's databag, its grants in the leader's settings, its local file, and the
snapshots of its deferred events.
"""

import json
import subprocess

import ops
from charmhelpers import coordinator


class RestartEvent(ops.EventBase):
    """A restart that was asked for."""

    def __init__(self, handle, ctx, services=()):
        super().__init__(handle)
        self.ctx = json.dumps(ctx)
        self.svc = list(services)

    def snapshot(self):
        """As the original wrote it."""
        return {'ctx': self.ctx, 'svc': ','.join(self.svc)}

    def restore(self, snapshot):
        """As the original read it."""
        self.ctx = snapshot['ctx']
        self.svc = snapshot['svc'].split(',')

    def restart(self, coordinator):
        """Restart, if the lock is granted."""
        if not coordinator.acquire('restart'):
            return False
        for service in self.svc:
            subprocess.run(['systemctl', 'restart', service], check=True)
        return True


class RestartCharmEvent(ops.CharmEvents):
    """The charm's events."""

    restart_event = ops.EventSource(RestartEvent)


class OpsCoordinator(coordinator.Serial):
    """The class whose name is in the name of the local state file."""

    def resume(self):
        """Begin."""
        self.initialize()
        self.handle()

    def release(self):
        """End."""
        self._release_granted()
        self._save_state()
