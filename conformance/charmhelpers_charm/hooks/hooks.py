#!/usr/bin/env python3
"""Every hook and action of a charm on the unmodified `charmhelpers.core.hookenv`."""

import glob
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from charmhelpers.core import hookenv

import record

# charmhelpers runs the machine agent's binary to learn the version. Where there is none, as in the
# lab or a Kubernetes pod, the same words are in the environment.
if not glob.glob('/var/lib/juju/tools/machine-*/jujud'):
    hookenv.juju_version = lambda: os.environ['JUJU_VERSION']

hooks = hookenv.Hooks()
check = record.check


@hooks.hook(
    'install',
    'config-changed',
    'start',
    'update-status',
    'stop',
    'remove',
    'leader-elected',
    'leader-settings-changed',
)
def quiet():
    """Only what every hook may ask."""
    check('hookenv.hook_name', hookenv.hook_name(), os.path.basename(sys.argv[0]))
    check('hookenv.config', hookenv.config('count'), 3)
    check('an unset option is null', hookenv.config().get('unset', 'absent'), None)
    check('no relation in an ordinary hook', hookenv.in_relation_hook(), False)


@hooks.hook('cluster-relation-created')
def created():
    """Publish what the peers look for."""
    hookenv.relation_set(relation_settings={'colour': f'blue {hookenv.local_unit()}', 'n': 1})
    got = hookenv.relation_get(unit=hookenv.local_unit())
    check(
        'relation_set with a file, and back',
        (got['colour'], got['n']),
        (f'blue {hookenv.local_unit()}', '1'),
    )
    if hookenv.is_leader():
        hookenv.relation_set(relation_settings={'leader': hookenv.local_unit()}, app=True)
        app = hookenv.application_name()
        check('application bag', hookenv.relation_get('leader', app=app), hookenv.local_unit())
        if record.tool('which', 'leader-set')[0] == 0:
            hookenv.leader_set({'who': hookenv.local_unit(), 'gone': None})
            check('leader_get', hookenv.leader_get('who'), hookenv.local_unit())
            check('leader_get of nothing', hookenv.leader_get('gone'), None)
            check('leader_get of all', hookenv.leader_get(), {'who': hookenv.local_unit()})


@hooks.hook('cluster-relation-joined', 'cluster-relation-changed', 'cluster-relation-departed')
def member():
    """Look at the peer that this hook is about."""
    check(
        'in a relation hook',
        (hookenv.in_relation_hook(), hookenv.relation_type()),
        (True, 'cluster'),
    )
    remote = hookenv.remote_unit()
    if not remote:
        check('the application bag has news', 'leader' in (hookenv.relation_get() or {}), True)
    elif os.environ['JUJU_HOOK_NAME'].endswith('joined'):
        check('a joined unit is related', remote in hookenv.related_units(), True)
    elif os.environ['JUJU_HOOK_NAME'].endswith('departed'):
        check('a departed unit is not', remote in hookenv.related_units(), False)
        check('the leaver is named', hookenv.departing_unit(), bool)
    else:
        # A unit joins before its own first hook of the relation has ended.
        colour = hookenv.relation_get('colour')
        check('a peer has what it wrote', colour, lambda c: c in (None, f'blue {remote}'))
        check(
            'and an address', hookenv.ingress_address(rid=hookenv.relation_id(), unit=remote), bool
        )


def tools():
    """The action: every wrapper, with the relation named."""
    hookenv.atexit(hookenv.log, 'at the end')
    local, app = hookenv.local_unit(), hookenv.application_name()
    (rid,) = hookenv.relation_ids('cluster')
    check('hookenv.relation_ids', rid.startswith('cluster:'), True)
    check('hookenv.relation_ids of nothing', hookenv.relation_ids('nothing'), [])
    check('hookenv.peer_relation_id', hookenv.peer_relation_id(), rid)
    peers = hookenv.related_units(rid)
    check('hookenv.related_units', peers == sorted(peers) and local not in peers and len(peers), 2)
    for peer in peers:
        check('hookenv.relation_get', hookenv.relation_get('colour', peer, rid), f'blue {peer}')
    check('hookenv.relation_get of nothing', hookenv.relation_get('nothing', peers[0], rid), None)
    check('an exit code of 2 is None', hookenv.relation_get(rid='cluster:999', unit=local), None)
    check('application bag', hookenv.relation_get(rid=rid, app=app), lambda bag: 'leader' in bag)
    check(
        'hookenv.relations', sorted(hookenv.relations()['cluster'][rid]), sorted([local, *peers])
    )
    big = 'x' * 200_000
    hookenv.relation_set(rid, big=big)
    check(
        'a value too large for a command line',
        hookenv.relation_get('big', local, rid) == big,
        True,
    )
    hookenv.relation_set(rid, big=None)
    check('None deletes', hookenv.relation_get('big', local, rid), None)

    if record.tool('which', 'leader-get')[0] == 0:
        check('leader_get', hookenv.leader_get('who'), bool)
    else:
        record.raises('leader tools are gone', NotImplementedError, hookenv.leader_get, 'who')

    hookenv.status_set('waiting', 'for it')
    check('hookenv.status_get', hookenv.status_get(), ('waiting', 'for it'))
    if hookenv.is_leader():
        hookenv.status_set('active', 'all', application=True)
    hookenv.status_set('active', 'ready')
    goal = hookenv.goal_state()
    check('hookenv.goal_state', sorted(goal['units']), sorted([local, *peers]))
    check('hookenv.expected_peer_units', sorted(hookenv.expected_peer_units()), peers)
    check('hookenv.unit_doomed', hookenv.unit_doomed(), False)
    check('an unknown unit is doomed', hookenv.unit_doomed(f'{app}/99'), True)
    check('hookenv.unit_get', hookenv.unit_get('private-address'), bool)
    check('hookenv.unit_public_ip', hookenv.unit_public_ip(), bool)
    network = hookenv.network_get('cluster', rid)
    check('hookenv.network_get', network['bind-addresses'][0]['addresses'][0], dict)
    check('with an ingress address', network['ingress-addresses'], bool)
    address = hookenv.network_get_primary_address('cluster')
    check('hookenv.network_get_primary_address', address, hookenv.unit_private_ip())
    record.raises(
        'no such binding',
        hookenv.NoNetworkBinding,
        hookenv.network_get_primary_address,
        'nothing',
    )
    hookenv.open_port(80)
    check('hookenv.opened_ports', hookenv.opened_ports(), [])
    hookenv.application_version_set('1.2.3')
    hookenv.log('a line', level=hookenv.WARNING)
    check('hookenv.principal_unit', hookenv.principal_unit(), local)
    check('hookenv.model_uuid', hookenv.model_uuid(), bool)
    check('hookenv.execution_environment', hookenv.execution_environment()['unit'], local)
    check('hookenv.action_get', hookenv.action_get(), {'word': 'yes'})
    check('hookenv.action_get of one', hookenv.action_get('word'), 'yes')
    check('hookenv.action_name', hookenv.action_name(), 'tools')
    hookenv.action_set({'outcome': 'fine', 'deep.er': 1})


if __name__ == '__main__':
    record.dispatch()
    if 'JUJU_ACTION_NAME' in os.environ:
        tools()
        hookenv._run_atexit()
    else:
        hooks.execute(sys.argv)
