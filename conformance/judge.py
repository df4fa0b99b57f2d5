"""Says what is wrong with a run, from what the charm recorded and from the lab's history."""

import itertools
import json

# What a hook may see, beyond what its own shell sets. No more, and nothing of the lab's own.
ALLOWED = {
    'APT_LISTCHANGES_FRONTEND', 'CHARM_DIR', 'CLOUD_API_VERSION', 'DEBIAN_FRONTEND',
    'JUJU_ACTION_NAME', 'JUJU_ACTION_TAG', 'JUJU_ACTION_UUID', 'JUJU_AGENT_SOCKET_ADDRESS',
    'JUJU_AGENT_SOCKET_NETWORK', 'JUJU_API_ADDRESSES', 'JUJU_AVAILABILITY_ZONE', 'JUJU_CHARM_DIR',
    'JUJU_CHARM_FTP_PROXY', 'JUJU_CHARM_HTTPS_PROXY', 'JUJU_CHARM_HTTP_PROXY',
    'JUJU_CHARM_NO_PROXY', 'JUJU_CONTEXT_ID', 'JUJU_DEPARTING_UNIT', 'JUJU_DISPATCH_PATH',
    'JUJU_HOOK_NAME', 'JUJU_MACHINE_ID', 'JUJU_METER_INFO', 'JUJU_METER_STATUS',
    'JUJU_MODEL_NAME', 'JUJU_MODEL_UUID', 'JUJU_PRINCIPAL_UNIT', 'JUJU_RELATION',
    'JUJU_RELATION_ID', 'JUJU_REMOTE_APP', 'JUJU_REMOTE_UNIT', 'JUJU_SLA', 'JUJU_UNIT_NAME',
    'JUJU_VERSION', 'LANG', 'PATH', 'TERM',
    'OLDPWD', 'PWD', 'SHLVL', '_', 'LC_CTYPE',
}  # fmt: skip
ALWAYS = ALLOWED - {
    'JUJU_ACTION_NAME', 'JUJU_ACTION_TAG', 'JUJU_ACTION_UUID', 'JUJU_DEPARTING_UNIT',
    'JUJU_DISPATCH_PATH', 'JUJU_METER_INFO', 'JUJU_METER_STATUS', 'JUJU_RELATION',
    'JUJU_RELATION_ID', 'JUJU_REMOTE_APP', 'JUJU_REMOTE_UNIT', 'JUJU_SLA', 'LANG', 'TERM',
    'OLDPWD', 'PWD', 'SHLVL', '_', 'LC_CTYPE',
}  # fmt: skip


# What may run in between, once a unit is installed.
LEADERSHIP = ('leader-elected', 'leader-settings-changed')


def seen(model):
    """What each unit wrote down, by the unit's number."""
    units = {}
    for lines in sorted(model.glob('unit-*/charm/seen.jsonl')):
        number = int(lines.parent.parent.name.rsplit('-', 1)[1])
        units[number] = [json.loads(line) for line in lines.read_text().splitlines()]
    return units


def history(model):
    """The lab's own account."""
    path = model / 'history.jsonl'
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def facts(model):
    """One line about what happened."""
    events = history(model)
    checks = sum(line['kind'] == 'check' for unit in seen(model).values() for line in unit)
    hooks = sum(event['event'] == 'hook-end' for event in events)
    calls = sum(event['event'] == 'tool' for event in events)
    return f'{checks} checks, {hooks} hooks, {calls} tool calls'


def dispatches(lines):
    """The hooks, actions and commands of a unit in their order."""
    return [line for line in lines if line['kind'] == 'dispatch']


def checks(units, at_least):
    """Checks that failed in the charm, and too few of them."""
    for number, lines in units.items():
        where = '(before any hook)'
        for line in lines:
            if line['kind'] == 'dispatch':
                where = line['name']
            elif line['kind'] == 'check' and not line['ok']:
                got, want = line.get('got'), line.get('want')
                yield f'unit {number}, {where}: {line["name"]}: got {got!r}, want {want!r}'
    count = sum(line['kind'] == 'check' for lines in units.values() for line in lines)
    if count < at_least:
        yield f'only {count} checks were made, where at least {at_least} are due'


def environment(units):
    """Environments that a real Juju would not give."""
    for number, lines in units.items():
        for line in dispatches(lines):
            yield from (
                f'unit {number}, {line["name"]}: {fault}' for fault in _environment(line, number)
            )


def _environment(line, number):
    env, name = line['env'], line['name']
    for key in sorted(set(env) - ALLOWED):
        yield f'{key} is set'
    for key in sorted(ALWAYS - set(env)):
        yield f'{key} is not set'
    is_action = 'JUJU_ACTION_NAME' in env
    is_command = name == 'juju-exec'
    wanted = {
        'JUJU_UNIT_NAME': lambda v: v.endswith(f'/{number}'),
        'JUJU_HOOK_NAME': lambda v: v == ('' if is_action or is_command else name),
        'JUJU_CONTEXT_ID': lambda v: v.startswith(env.get('JUJU_UNIT_NAME', '?') + '-'),
        'JUJU_CHARM_DIR': lambda v: v == env.get('CHARM_DIR') == line['cwd'],
        'JUJU_AGENT_SOCKET_NETWORK': lambda v: v == 'unix',
    }
    if is_action:
        wanted['JUJU_DISPATCH_PATH'] = lambda v: v == f'actions/{name}'
        wanted['JUJU_ACTION_TAG'] = lambda v: v.startswith('action-')
    elif not is_command:
        wanted['JUJU_DISPATCH_PATH'] = lambda v: v == f'hooks/{name}'
    endpoint, relation, kind = name.partition('-relation-')
    if relation:
        wanted['JUJU_RELATION'] = lambda v: v == endpoint
        wanted['JUJU_RELATION_ID'] = lambda v: v.startswith(f'{endpoint}:')
        wanted['JUJU_REMOTE_APP'] = lambda v: v == env.get('JUJU_UNIT_NAME', '').split('/')[0]
        wanted['JUJU_REMOTE_UNIT'] = lambda v: (
            (kind == 'changed' or bool(v)) != (kind == 'created')
        )
    for key, test in wanted.items():
        if not test(env.get(key, '')):
            yield f'{key} is {env.get(key)!r}'
    if (kind == 'departed') != ('JUJU_DEPARTING_UNIT' in env):
        yield f'JUJU_DEPARTING_UNIT is {env.get("JUJU_DEPARTING_UNIT")!r}'


def order(units, endpoint, removed=()):
    """Hooks in an order that a real Juju would not have."""
    for number, lines in units.items():
        hooks = [line for line in dispatches(lines) if line['env'].get('JUJU_HOOK_NAME')]
        names = [line['name'] for line in hooks]
        start = [n for n in names[: names.index('start') + 1] if n not in LEADERSHIP]
        wanted = ['install', f'{endpoint}-relation-created', 'config-changed', 'start']
        if start != wanted:
            yield f'unit {number} began with {start}, not with {wanted}'
        yield from (f'unit {number}: {fault}' for fault in _membership(hooks, endpoint))
        for before, after in itertools.pairwise(names):
            if before == 'upgrade-charm' and after != 'config-changed':
                yield f'unit {number}: {after} follows upgrade-charm'
        ending = names[-2:] if number in removed else None
        if ending and ending != ['stop', 'remove']:
            yield f'unit {number} was removed, and ended with {ending}'
        if not ending and 'stop' in names:
            yield f'unit {number} stopped, though nobody removed it'


def _membership(hooks, endpoint):
    """Each member joins, changes at once or later, departs, and is silent outside of that."""
    members = {}
    for line in hooks:
        name, member = line['name'], line['env'].get('JUJU_REMOTE_UNIT')
        if not name.startswith(f'{endpoint}-relation-') or not member:
            continue
        kind, state = name.rsplit('-', 1)[1], members.get(member)
        if kind == 'joined' and state is not None:
            yield f'{member} joined twice'
        if kind != 'joined' and state in (None, 'departed'):
            yield f'{member} {kind} while it was no member'
        if state == 'joined' and kind == 'departed':
            yield f'{member} departed without the change that follows a join'
        members[member] = kind


def ops(model):
    """What is wrong with a run of the charm on ops."""
    units = seen(model)
    wrong = [*checks(units, 150), *environment(units), *order(units, 'probe', removed=(2,))]
    if sorted(units) != [0, 1, 2, 3]:
        return [*wrong, f'units {sorted(units)} left something, not 0 to 3']
    for number in (0, 1, 2):
        deferred = [line for line in units[number] if line['kind'] == 'deferred']
        if len(deferred) != 1:
            wrong.append(f'unit {number}: the deferred event came back {len(deferred)} times')
    for number, cause in ((0, 'juju-exec'), (1, 'a process left behind')):
        woken = [line['times'] for line in units[number] if line['kind'] == 'woken']
        if woken != [1]:
            wrong.append(f'unit {number}: woken by {cause} {woken}, not once')
    looks = [line['woken'] for line in units[3] if line['kind'] == 'look']
    if not looks or (looks[0].get('ops-probe/0'), looks[0].get('ops-probe/1')) != ('1', '1'):
        wrong.append(f'what the custom event wrote did not reach unit 3: {looks}')
    names = [line['name'] for line in dispatches(units[2])]
    if names.count('config-changed') != 1 + 1 + 2 + 1:
        wrong.append(f'unit 2 ran config-changed {names.count("config-changed")} times, not 5')
    for number in (0, 1, 3):
        if 'upgrade-charm' not in [line['name'] for line in dispatches(units[number])]:
            wrong.append(f'unit {number} was not told of the upgrade')
    leaders = [
        number
        for number, lines in units.items()
        if any(line.get('event') == 'leader_elected' for line in lines)
    ]
    if 1 not in leaders:
        wrong.append(f'leader-elected ran on {leaders}, not on unit 1')
    return [*wrong, *mishaps(history(model))]


def mishaps(events):
    """What the lab says of the hook that was refused, and of the one that was killed."""
    refused = [e['unit'] for e in events if e['event'] == 'refused']
    if refused != ['ops-probe/1']:
        yield f'refused were {refused}, not only the unit that lost the lease'
    ends = [e for e in events if e['event'] == 'hook-end']
    ended = {
        outcome: [(e['unit'], e['hook']) for e in ends if e['outcome'] == outcome]
        for outcome in ('failed', 'killed')
    }
    wanted = {
        'failed': [('ops-probe/2', 'config-changed'), ('ops-probe/1', 'config-changed')],
        'killed': [('ops-probe/3', 'config-changed')],
    }
    for outcome, hooks in wanted.items():
        found = [hook for hook in ended[outcome] if hook[1] not in ('juju-exec', 'refuse')]
        if found != hooks:
            yield f'{outcome} were {found}, not {hooks}'
    killed = [e for e in ends if e['outcome'] == 'killed']
    begins = [e for e in events if e['event'] == 'hook-begin']
    for end in killed:
        after = [e for e in begins if e['unit'] == end['unit'] and e['n'] > end['n']]
        if not after or after[0]['hook'] != end['hook'] or after[0]['at'] > end['at'] + 1000:
            yield f'{end["unit"]} did not run {end["hook"]} again at once after it was killed'


def charmhelpers(model):
    """What is wrong with a run of the charm on charmhelpers.core.hookenv."""
    units = seen(model)
    return [*checks(units, 100), *environment(units), *order(units, 'cluster', removed=(0,))]


def roll(model):
    """What is wrong with a restart that charmhelpers' coordinator rolled over five units."""
    return turns(history(model))


def turns(events):
    """What is wrong with the marks of five units that were to restart once each, one at a time."""
    inside, entered, wrong = set(), [], []
    for event in events:
        if event['event'] == 'enter':
            entered.append(event['unit'])
            if inside:
                wrong.append(f'{event["unit"]} went in while {sorted(inside)} was inside')
            inside.add(event['unit'])
        elif event['event'] == 'leave':
            inside.discard(event['unit'])
    if sorted(entered) != sorted(set(entered)) or len(entered) != 5:
        wrong.append(f'these restarted, not each of five once: {entered}')
    return wrong
