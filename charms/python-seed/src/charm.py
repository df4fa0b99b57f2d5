#!/usr/bin/env python3
"""The example of the documentation, with its dots filled in."""

import ops
from ops.framework import StoredState
from ops_coordinator.ops_coordinator import OpsCoordinator, RestartCharmEvent


class SeedCharm(ops.CharmBase):
    """Restarts a service whenever a setting changes, one unit after the other."""

    on = RestartCharmEvent()

    state = StoredState()

    def check_restart_is_valid(self):
        """Say whether the service works, beyond that it runs."""
        # The goal of this method is to check beyond the service_restart()
        # if the service is actually functional. If yes, then let restart
        # processing follow its normal path and drop the remaining events.
        # Otherwise, it needs to take a different route. In this example,
        # it will simply defer the event, but it could as well abandon
        # it and block the unit with "restart failed", so the operator
        # can be warned and take a counter-measure.
        return self.config['broken-unit'] != int(self.unit.name.split('/')[1])

    def on_restart_event(self, event):
        """Restart, when it is our turn."""
        # OPTIONALLY: depending on how often RestartEvents are emitted,
        #  there is a good chance several of the RestartEvents will be
        #  stacked on top of each other.
        #  This check will allow to run the first restart event and
        #  discard subsequent events.

        if not self.state.need_restart:
            # Discard all subsequent restart events.
            return

        # This is the logic that processes the restart
        if event.restart():
            # Restart was successful, if the charm is keeping track
            # of a context, that is the place it should be updated
            self.state.config_state = event.ctx
            # The service reads the setting when it starts: by now it may be a later one.
            self.state.runs_with = self.config['setting']

            if self.check_restart_is_valid():
                # The check_restart_is_valid method confirmed the restart
                # has happened. Now, use the callback function:
                self.coordinator.run_action()
                # OPTIONALLY, set need_restart:
                self.state.need_restart = False
            else:
                # This restart failed at the check, defer it for retrial
                event.defer()
                return

        else:
            # defer the RestartEvent as it is still waiting for the
            # lock to be released.
            event.defer()

    def __init__(self, *args):
        super().__init__(*args)
        self.services = [f'python-seed@{self.unit.name.split("/")[1]}.service']
        self.ctx = {'setting': self.config['setting']}
        self.framework.observe(self.on.config_changed, self.on_config_changed)
        self.framework.observe(self.on.collect_unit_status, self.on_collect_status)

        self.framework.observe(self.on.restart_event, self.on_restart_event)

        # Coordinator has logic that the leader unit should always run
        # at start of hookenv and at its end. Therefore it should be
        # called in __init__ and __del__, respectively.
        self.coordinator = OpsCoordinator()
        self.coordinator.resume()
        # OPTIONALLY, set a need_restart flag. Check on_restart_event
        # comments to better understand its use.
        self.state.set_default(need_restart=False)
        self.state.set_default(config_state={}, runs_with='')

    def __del__(self):
        # Run the atexit hookenv logic
        self.coordinator.release()

    def on_config_changed(self, event):
        """Ask for a restart, if the setting is another than the one in use."""
        # Check if restart is needed. A context can be provided to be
        # used in RestartEvent's processing.
        # The self.services is a list of service names that will be
        # restarted.
        if self.state.config_state != self.ctx:
            # Save a function call to be used as callback.
            self.coordinator.save_action(self.report, [self.ctx['setting']])
            self.on.restart_event.emit(self.ctx, services=self.services)
            # OPTIONALLY, set a flag that will signal if the process has
            # already restarted or not, check the on_restart_event above.
            self.state.need_restart = True

    def report(self, setting):
        """Tell the other units what this one runs with."""
        relation = self.model.get_relation('members')
        if relation is not None:
            relation.data[self.unit]['setting'] = setting

    def on_collect_status(self, event):
        """Show what the service runs with."""
        if self.state.need_restart:
            event.add_status(ops.MaintenanceStatus('a restart is due'))
        event.add_status(ops.ActiveStatus(self.state.runs_with))


if __name__ == '__main__':
    ops.main(SeedCharm)
