"""A charm on the unmodified `ops`, which checks what the framework shows it in every hook."""

import os
import pathlib
import subprocess
import sys
import time

import ops

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

import record
import tools

LIFECYCLE = (
    'install',
    'start',
    'config_changed',
    'leader_elected',
    'update_status',
    'upgrade_charm',
    'stop',
    'remove',
    'probe_relation_created',
    'probe_relation_joined',
    'probe_relation_changed',
    'probe_relation_departed',
)


class WokenEvent(ops.EventBase):
    """An event of the charm's own, reached through juju-exec with a dispatch path."""


class ProbeCharm(ops.CharmBase):
    """Checks in its hooks, and publishes a little for its peers to check."""

    stored = ops.StoredState()

    def __init__(self, framework):
        super().__init__(framework)
        self.on.define_event('woken', WokenEvent)
        self.stored.set_default(dispatches=0, deferred=0, woken=0)
        for name in LIFECYCLE:
            framework.observe(getattr(self.on, name), self._on_any)
        framework.observe(self.on.config_changed, self._on_config_changed)
        framework.observe(self.on.probe_relation_created, self._on_created)
        framework.observe(self.on.probe_relation_joined, self._on_member)
        framework.observe(self.on.probe_relation_changed, self._on_changed)
        framework.observe(self.on.probe_relation_departed, self._on_departed)
        framework.observe(self.on.leader_elected, self._on_leader_elected)
        framework.observe(self.on.woken, self._on_woken)
        framework.observe(self.on.tools_action, self._on_tools_action)
        framework.observe(self.on.refuse_action, self._on_refuse_action)
        framework.observe(self.on.look_action, self._on_look_action)
        framework.observe(self.on.detach_action, self._on_detach_action)

    def _on_any(self, event):
        self.stored.dispatches += 1
        record.write(
            kind='event',
            event=event.handle.kind,
            leader=self.unit.is_leader(),
            unit=getattr(getattr(event, 'unit', None), 'name', None),
            app=getattr(getattr(event, 'app', None), 'name', None),
            departing=getattr(getattr(event, 'departing_unit', None), 'name', None),
        )

    # -- the peer relation

    def _on_created(self, event):
        relation = event.relation
        record.check('created names the own application', event.app.name, self.app.name)
        record.check('created names no unit', event.unit, None)
        mine = relation.data[self.unit]
        record.check(
            'a new bag holds the addresses',
            sorted(mine)[:2],
            ['egress-subnets', 'ingress-address'],
        )
        mine['colour'] = f'blue {self.unit.name}'
        record.check('an own write can be read back', mine['colour'], f'blue {self.unit.name}')
        rc, out, _ = record.tool('relation-get', '-r', str(relation.id), 'colour', self.unit.name)
        record.check('so it can by another process', (rc, out), (0, f'blue {self.unit.name}\n'))
        self._app_bag(relation)

    def _app_bag(self, relation):
        bag = relation.data[self.app]
        if self.unit.is_leader():
            bag['leader'] = self.unit.name
            record.check('the leader reads its application bag', bag['leader'], self.unit.name)
        else:
            record.raises(
                'no other writes the application bag',
                ops.RelationDataAccessError,
                bag.__setitem__,
                'leader',
                self.unit.name,
            )
            record.check('a peer reads the application bag', dict(bag), lambda d: len(d) < 2)

    def _on_leader_elected(self, event):
        record.check('elected means leader', self.unit.is_leader(), True)
        relation = self.model.get_relation('probe')
        record.check('the peer relation is there by then', relation is not None, True)
        if relation:
            relation.data[self.app]['leader'] = self.unit.name

    def _on_member(self, event):
        record.check('a joined unit is among the units', event.unit in event.relation.units, True)

    def _on_changed(self, event):
        record.check('the application is the own one', event.app.name, self.app.name)
        if event.unit is None:
            bag = event.relation.data[event.app]
            record.check('the application bag has news', 'leader' in bag, True)
        else:
            colour = event.relation.data[event.unit].get('colour')
            # A unit joins before its own first hook of the relation has ended.
            written = (None, f'blue {event.unit.name}')
            record.check('a peer has what it wrote', colour, lambda c: c in written)
            address = event.relation.data[event.unit].get('ingress-address')
            record.check('and an address', address, bool)

    def _on_departed(self, event):
        self_gone = event.departing_unit == self.unit
        record.check(
            'the leaver is named', event.departing_unit, lambda u: self_gone or u == event.unit
        )
        record.check('a leaver is no member', event.unit in event.relation.units, False)
        rc, out, _ = record.tool(
            'relation-get', '-r', str(event.relation.id), 'colour', event.unit.name
        )
        record.check('its bag stays readable', (rc, out), (0, f'blue {event.unit.name}\n'))

    # -- configuration, failure, deferral

    def _on_config_changed(self, event):
        config = self.config
        record.check(
            'configuration has its types',
            [type(config[k]).__name__ for k in ('message', 'count', 'ratio', 'flag')],
            ['str', 'int', 'float', 'bool'],
        )
        record.check('what is not set is not there', 'unset' in config, False)
        if config['fail-once'] == self.unit.name and not pathlib.Path('failed').exists():
            pathlib.Path('failed').touch()
            self.unit.status = ops.MaintenanceStatus('about to fail')
            self.model.get_relation('probe').data[self.unit]['poison'] = 'never seen'
            raise RuntimeError('as the scenario asks')
        if config['pause-once'] == self.unit.name and not pathlib.Path('paused').exists():
            pathlib.Path('paused').touch()
            relation = self.model.get_relation('probe')
            for owner in (self.unit, self.app) if self.unit.is_leader() else (self.unit,):
                relation.data[owner]['poison'] = 'never seen'
            # At the mark, the scenario takes the lead away or kills this process.
            record.tool('lab-mark', 'enter', 'pause')
            time.sleep(2)
            record.tool('lab-mark', 'leave', 'pause')
        if config['message'] == 'defer' and not self.stored.deferred:
            self.stored.deferred = 1
            event.defer()
            return
        if self.stored.deferred == 1:
            self.stored.deferred = 2
            record.write(kind='deferred', hook=os.environ.get('JUJU_HOOK_NAME', ''))
        self.unit.status = ops.ActiveStatus(config['message'])

    def _on_woken(self, event):
        self.stored.woken += 1
        record.write(kind='woken', times=self.stored.woken)
        record.check('a command has no hook name', os.environ.get('JUJU_HOOK_NAME'), '')
        self.model.get_relation('probe').data[self.unit]['woken'] = str(self.stored.woken)

    # -- actions

    def _on_tools_action(self, event):
        record.check(
            'parameters arrive', event.params, {'word': 'yes', 'nested': {'deep': [1, 2]}}
        )
        relation = self.model.get_relation('probe')
        tools.check_command_line(relation.id, self.unit, self.app)
        try:
            from ops import hookcmds
        except ImportError:
            record.write(kind='note', text=f'ops {ops.__version__} has no hookcmds')
        else:
            tools.check_hookcmds(hookcmds, relation.id, self.unit, self.app)
        self.unit.set_workload_version('1.2.3')
        binding = self.model.get_binding('probe').network
        record.check('a binding has an address', str(binding.bind_address), bool)
        record.check('and an ingress address', str(binding.ingress_address), bool)
        event.log('as far as here')
        event.set_results({'outcome': 'fine', 'deep': {'er': 'down'}})

    def _on_refuse_action(self, event):
        event.fail('I would rather not')

    def _on_look_action(self, event):
        relation = self.model.get_relation('probe')
        count = event.params['units']
        record.check('everyone is there', len(relation.units) + 1, count)
        record.check('the goal agrees', self.app.planned_units(), count)
        record.check('own unit is no peer', self.unit in relation.units, False)
        for unit in sorted(relation.units, key=lambda u: u.name):
            bag = dict(relation.data[unit])
            record.check(f'{unit.name} wrote its colour', bag.get('colour'), f'blue {unit.name}')
            record.check('what a failed hook wrote was never published', 'poison' in bag, False)
        app = dict(relation.data[self.app])
        record.check('nor in the name of the application', 'poison' in app, False)
        record.check('one leader is named', relation.data[self.app].get('leader'), bool)
        record.write(
            kind='look', woken={u.name: relation.data[u].get('woken') for u in relation.units}
        )
        record.check('stored state adds up', self.stored.dispatches, lambda n: n >= 4)

    def _on_detach_action(self, event):
        """What charmlibs-rollingops does: a process of its own wakes the charm later."""
        env = {k: v for k, v in os.environ.items() if k != 'JUJU_CONTEXT_ID'}
        tool = tools.command_tool()
        dispatch = f'JUJU_DISPATCH_PATH=hooks/woken {self.charm_dir}/dispatch'
        subprocess.Popen(
            ['/bin/sh', '-c', f'sleep 0.3; exec {tool} -u "$0" "$1"', self.unit.name, dispatch],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


if __name__ == '__main__':
    record.dispatch()
    in_controller = pathlib.Path('controller-storage').exists()
    ops.main(ProbeCharm, use_juju_for_storage=in_controller)
