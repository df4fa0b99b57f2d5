"""Hook tools called rightly and wrongly: through `ops.hookcmds`, and as a shell calls them."""

import json
import os

import record


def version():
    """The Juju version that this model claims, as numbers."""
    return tuple(int(n) for n in os.environ['JUJU_VERSION'].split('-')[0].split('.'))


def command_tool():
    """The tool that runs a command as a hook would; 3.0 gave it another name."""
    return 'juju-exec' if version() >= (3,) else 'juju-run'


def check_command_line(relation, unit, app):
    """Formats, exit codes and messages, whatever the library."""
    relation = str(relation)
    leader = unit.is_leader()
    check, fails, tool = record.check, record.fails, record.tool

    for args, want in (
        (['is-leader'], f'{leader}\n'),
        (['is-leader', '--format', 'json'], f'{str(leader).lower()}\n'),
        (['relation-ids', 'probe'], f'probe:{relation}\n'),
        (['relation-ids', 'probe', '--format=json'], f'["probe:{relation}"]\n'),
        (['relation-ids', 'nothing', '--format=json'], '[]\n'),
        (['config-get', 'message'], 'hello\n'),
        (['config-get', 'flag'], 'True\n'),
        (['config-get', 'count', '--format=json'], '3\n'),
        (['config-get', 'no-such-option'], ''),
        (['config-get', 'no-such-option', '--format=json'], 'null\n'),
        (['relation-get', '-r', relation, 'no-such-key', unit.name], ''),
        (['relation-get', '-r', relation, 'no-such-key', unit.name, '--format=json'], 'null\n'),
        (['relation-get', '-r', f'probe:{relation}', 'colour', unit.name], f'blue {unit.name}\n'),
        (
            ['relation-get', '--format=json', 'colour', unit.name, '-r', relation],
            f'"blue {unit.name}"\n',
        ),
        (['juju-log', '-l', 'WARNING', 'a', 'b'], ''),
        (['juju-log', '--log-level', 'INFO', '--', '-dash'], ''),
    ):
        check(' '.join(args), list(tool(*args)), [0, want, ''])
    for name in ('is-leader', 'relation-get', 'relation-set', 'goal-state', 'status-set'):
        rc, out, _ = tool(name, '--help')
        check(f'{name} --help', (rc, bool(out)), (0, True))
    check('relation-set --help names --file', '--file' in tool('relation-set', '--help')[1], True)

    fails('an argument too many', ['is-leader', 'x'], 2, 'unrecognized args: ["x"]')
    fails('an unknown flag', ['relation-set', '--no-such-flag', 'a=b'], 2, 'no-such-flag')
    fails(
        'no relation outside a relation hook',
        ['relation-get', '-', unit.name],
        2,
        'no relation id specified',
    )
    fails(
        'no such relation', ['relation-get', '-r', '999', '-', unit.name], 2, 'relation not found'
    )
    fails('no relation id', ['relation-list', '-r', 'x'], 2, 'invalid relation id')
    fails('no unit', ['relation-get', '-r', relation], 2, 'no unit or application specified')
    fails('no endpoint', ['relation-ids'], 2, 'no endpoint name specified')
    fails(
        'an application for a unit',
        ['relation-get', '-r', relation, '-', app.name],
        2,
        'expected unit name, got application name',
    )
    fails('no unit name', ['relation-get', '-r', relation, '-', 'x y'], 2, 'invalid unit name')
    fails(
        'never a member',
        ['relation-get', '-r', relation, '-', f'{app.name}/99'],
        1,
        'settings not found',
    )
    fails('no such status', ['status-set', 'happy', 'x'], 2, 'happy')
    fails('nothing to log', ['juju-log'], 2, '')
    fails('no such binding', ['network-get', 'nothing'], 1, 'no network config found for binding')
    fails(
        'a command within a hook',
        [command_tool(), 'true'],
        2,
        'cannot be called from within a hook',
    )
    check('state-get without a key', tool('state-get', 'nothing')[:2], (0, ''))
    fails('state-get --strict without a key', ['state-get', '--strict', 'nothing'], 1, '')
    if not leader:
        fails(
            'application bag',
            ['relation-set', '-r', relation, '--app', 'a=b'],
            1,
            'cannot write relation settings',
        )
        fails(
            'application status',
            ['status-set', '--application', 'active', 'x'],
            1,
            'this unit is not the leader',
        )

    env = dict(os.environ, JUJU_CONTEXT_ID='bogus')
    rc, _, err = tool('is-leader', env=env)
    check('a wrong context id', (rc, 'bad request' in err and 'bogus' in err), (1, True))
    del env['JUJU_CONTEXT_ID']
    check('no context id', tool('is-leader', env=env), (1, '', 'ERROR JUJU_CONTEXT_ID not set\n'))

    if version() < (4,):
        check(
            'leader-get of nothing',
            tool('leader-get', 'nothing', '--format=json'),
            (0, 'null\n', ''),
        )
        if leader:
            check('leader-set', tool('leader-set', 'turn=1', 'gone='), (0, '', ''))
            check('leader-get', tool('leader-get', 'turn'), (0, '1\n', ''))
        else:
            fails('leader-set', ['leader-set', 'a=b'], 1, 'cannot write leadership settings')
    else:
        import shutil

        check('leader tools are gone', shutil.which('leader-get'), None)


def check_hookcmds(hookcmds, relation, unit, app):
    """Every function of `ops.hookcmds` on the coordination path."""
    check, raises = record.check, record.raises
    leader = unit.is_leader()

    check('hookcmds.is_leader', hookcmds.is_leader(), leader)
    check('hookcmds.relation_ids', hookcmds.relation_ids('probe'), [f'probe:{relation}'])
    peers = hookcmds.relation_list(relation)
    check('hookcmds.relation_list', peers, lambda u: u == sorted(u) and unit.name not in u)
    for peer in peers:
        check(
            'hookcmds.relation_get of a peer',
            hookcmds.relation_get(relation, key='colour', unit=peer),
            f'blue {peer}',
        )
    whole = hookcmds.relation_get(relation, unit=unit.name)
    check('hookcmds.relation_get', whole, lambda bag: bag['colour'] == f'blue {unit.name}')
    check(
        'hookcmds.relation_get of nothing',
        hookcmds.relation_get(relation, key='x', unit=unit.name),
        None,
    )
    check(
        'hookcmds.relation_get of an application',
        hookcmds.relation_get(relation, unit=app.name, app=True),
        lambda bag: 'leader' in bag,
    )
    for missing in (
        lambda: hookcmds.relation_list(999),
        lambda: hookcmds.relation_get(999, unit=unit.name),
    ):
        error = raises('no such relation', hookcmds.Error, missing)
        check('says so', (error.returncode, 'relation not found' in error.stderr), (2, True))

    hookcmds.relation_set({'brief': 'x', 'colour': f'blue {unit.name}'}, relation)
    check(
        'a buffered write is read',
        hookcmds.relation_get(relation, key='brief', unit=unit.name),
        'x',
    )
    hookcmds.relation_set({'brief': ''}, relation)
    check(
        'an empty value deletes', 'brief' in hookcmds.relation_get(relation, unit=unit.name), False
    )
    if leader:
        hookcmds.relation_set({'leader': unit.name}, relation, app=True)
    else:
        error = raises(
            'application bag',
            hookcmds.Error,
            hookcmds.relation_set,
            {'a': 'b'},
            relation,
            app=True,
        )
        check('no leader, no write', error.returncode, 1)

    goal = hookcmds.goal_state()
    check('hookcmds.goal_state', sorted(goal.units), sorted([unit.name, *peers]))
    check('peers are no goal relations', goal.relations, {})

    hookcmds.status_set('waiting', '-- for what?')
    status = hookcmds.status_get()
    check('hookcmds.status_get', (status.status, status.message), ('waiting', '-- for what?'))
    hookcmds.status_set('active', 'hello')
    if leader:
        hookcmds.status_set('active', 'all of it', app=True)
        status = hookcmds.status_get(app=True)
        check('application status', (status.status, status.message), ('active', 'all of it'))
        # Juju nests the units; ops looks for them one level up and finds none, so ask as a shell.
        raw = json.loads(record.tool('status-get', '--application', '--format=json')[1])
        units = raw['application-status']['units']
        check('with the units', sorted(units), sorted([unit.name, *peers]))
        check('and no data', raw['application-status']['status'], 'active')
    check(
        'a status in JSON is a map',
        record.tool('status-get', '--format=json')[1],
        '{"status":"active"}\n',
    )
    check('for people it is a word', record.tool('status-get')[1], 'active\n')

    for level in ('TRACE', 'DEBUG', 'INFO', 'WARNING', 'ERROR'):
        hookcmds.juju_log(f'-{level}', level=level)
    config = hookcmds.config_get()
    check(
        'hookcmds.config_get',
        config,
        lambda c: c['count'] == 3 and c['flag'] is True and 'unset' not in c,
    )
    check('hookcmds.config_get of one', hookcmds.config_get('ratio'), 0.5)
    check('hookcmds.config_get of nothing', hookcmds.config_get('nothing'), None)

    hookcmds.state_set({'one': '1', 'multi': 'a\nb: c'})
    check('hookcmds.state_get', hookcmds.state_get('multi'), 'a\nb: c')
    check('hookcmds.state_get of all', hookcmds.state_get(None), lambda s: s['one'] == '1')
    hookcmds.state_delete('multi')
    check('hookcmds.state_delete', hookcmds.state_get('multi'), '')
    hookcmds.app_version_set('1.2.3')

    network = hookcmds.network_get('probe')
    check('hookcmds.network_get', network.bind_addresses[0].addresses[0].value, bool)
    check('with an ingress address', network.ingress_addresses, bool)
    check('for a relation', hookcmds.network_get('probe', relation_id=relation), network)
    if version() >= (3, 6, 2):
        model = hookcmds.relation_model_get(relation)
        check('hookcmds.relation_model_get', str(model.uuid), os.environ['JUJU_MODEL_UUID'])

    hookcmds.open_port('tcp', 8080)
    hookcmds.open_port('udp', 9000, to_port=9010)
    hookcmds.close_port('udp', 9000, to_port=9010)
    ports = [(p.protocol, p.port) for p in hookcmds.opened_ports()]
    check('hookcmds.opened_ports shows what is committed', ports, [])

    check(
        'hookcmds.action_get', hookcmds.action_get(), {'word': 'yes', 'nested': {'deep': [1, 2]}}
    )
    check('hookcmds.action_get of one', hookcmds.action_get('nested.deep'), [1, 2])
    hookcmds.action_log('half way')
    hookcmds.action_set({'tools': {'checked': json.dumps(True)}})
