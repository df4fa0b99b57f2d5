"""What a run in the lab, and an import, came to."""

import json
import subprocess

IMPORT = """
import time
start = time.perf_counter()
import ops
middle = time.perf_counter()
from ops_coordinator import {names}
print((middle - start) * 1000, (time.perf_counter() - middle) * 1000)
"""


GIVEN_UP = {'withdrawn': 'python-seed/1', 'lost-disk': 'python-seed/1'}
"""The unit that gives up its turn, by scenario."""


def history(model):
    """The lab's account of a run."""
    lines = (model / 'history.jsonl').read_text().splitlines()
    return [json.loads(line) for line in lines]


def facts(model):
    """One line about a run."""
    events = history(model)
    hooks = sum(event['event'] == 'hook-end' for event in events)
    calls = sum(event['event'] == 'tool' and event['command'] != 'juju-log' for event in events)
    return f'{hooks} hooks, {calls / max(hooks, 1):.1f} tool calls each'


def wrong(model, scenario):
    """What is wrong with a run, beyond what the lab itself judges."""
    return wrong_in(history(model), scenario)


def wrong_in(events, scenario):
    """What is wrong with a history, beyond what the lab itself judges."""
    if scenario.startswith('refresh-'):
        return badly_refreshed(events, scenario)
    if scenario == 'broken-service':
        return badly_broken(events) + unreported(events)
    found = [
        f'{event["unit"]}: {event["message"]}'
        for event in events
        if event['event'] == 'log' and event['level'] in ('WARNING', 'ERROR')
    ]
    if scenario in GIVEN_UP:
        # Of the unit that gave up its turn only the others' side is judged.
        found = [told for told in found if not told.startswith(GIVEN_UP[scenario])]
        return found + [
            told for told in unreported(events) if not told.startswith(GIVEN_UP[scenario])
        ]
    if scenario == 'killed':
        # The hook that was killed could not say goodbye; its journal is not unreadable for that.
        found = []
    if scenario == 'failed-check':
        found += held_up(events)
    if scenario == 'stopped':
        found = badly_stopped(events, found)
    if scenario == 'checked':
        found += let_pass(events)
    if scenario == 'restart-checked':
        found = badly_repeated(events, found)
    if scenario == 'unavailable':
        found += badly_repaired(events)
    if scenario == 'announced':
        found += asked_for_themselves(events)
    if scenario.startswith('crash-'):
        found += badly_crashed(events, scenario.removeprefix('crash-'))
    # These charms have no relation to report over.
    silent = scenario in (
        'as-documented',
        'two-endpoints',
        'five-units',
        'stopped',
        'rolled',
        'checked',
        'restart-checked',
        'unavailable',
        'announced',
    )
    return found if silent else found + unreported(events)


def badly_stopped(events, logs):
    """Whether the service that does not come up was told badly, or did not stop the roll."""
    told = 'the service hello.service did not restart on python/1: '
    fails = [e['n'] for e in events if e['event'] == 'log' and told in e['message']]
    if not fails:
        return [*logs, f'nobody logs: {told}']
    found = [log for log in logs if told not in log]
    mended = max(event['n'] for event in events if event['event'] == 'config')
    return found + [
        f'{event["unit"]} restarted although the service of python/1 was broken'
        for event in events
        if event['event'] == 'enter' and fails[0] < event['n'] < mended
    ]


def unreported(events):
    """The units that did not tell the others, over their relation, of their last restart."""
    left, told = {}, {}
    for event in events:
        unit = event.get('unit')
        if event['event'] == 'leave':
            left[unit] = event['n']
        elif event['event'] == 'commit' and 'members:1 setting' in event.get('unit_writes', {}):
            told[unit] = event['n']
    if not left:
        return ['nobody restarted']
    return [
        f'{unit} did not report its restart' for unit in left if told.get(unit, 0) < left[unit]
    ]


def badly_crashed(events, point):
    """Whether the agent died at another point of a restart than it was to."""
    marks, crashes = {}, []
    for event in events:
        kind, unit = event['event'], event.get('unit')
        if kind == 'hook-begin':
            marks[unit] = []
        elif kind in ('enter', 'leave', 'commit'):
            marks[unit].append(kind)
        elif kind == 'hook-end' and event['outcome'] == 'crashed':
            crashes.append(marks[unit])
    wanted = {
        'before-process': [],
        'mid-process': ['enter'],
        'after-process': ['enter', 'leave'],
        'after-flush': ['enter', 'leave', 'commit'],
        'after-done': ['enter', 'leave', 'commit'],
    }[point]
    return [] if crashes == [wanted] else [f'the crash was to come after {wanted}, not {crashes}']


def held_up(events):
    """Whether somebody restarted between a failed check and the change that mended it."""
    marks = [event for event in events if event['event'] in ('enter', 'config')]
    configs = [place for place, event in enumerate(marks) if event['event'] == 'config']
    broken, mended = configs[-2:]
    units = [event['unit'] for event in marks[broken:mended] if event['event'] == 'enter']
    if 'python-seed/1' not in units:
        return ['the unit whose check fails never came to its turn']
    after = units[units.index('python-seed/1') :]
    others = sorted(set(after) - {'python-seed/1'})
    return [f'{unit} restarted although the check of another had failed' for unit in others]


def let_pass(events):
    """Whether anybody restarted between a check that failed and the end of that turn."""
    failing = 'the check of checked/1#2 fails; the unit keeps its turn: it is sick'
    logs = [(event['n'], event['message']) for event in events if event['event'] == 'log']
    fails = [n for n, told in logs if failing in told]
    ends = [n for n, told in logs if 'done, checked/1#2' in told]
    if not fails or not ends:
        return ['the check of checked/1 was to fail, and then to hold']
    return [
        f'{event["unit"]} restarted although the check of checked/1 failed'
        for event in events
        if event['event'] == 'enter' and fails[0] < event['n'] < ends[0]
    ]


def badly_repeated(events, logs):
    """Whether a unit whose check fails did not restart again, or anybody else did meanwhile."""
    unit, warning = 'restart-checked/1', 'restart: its check failed: it is sick; it runs again'
    told = [(event['n'], event['message']) for event in events if event['event'] == 'log']
    fails = [n for n, message in told if f'the check of {unit}#2 fails' in message]
    ends = [n for n, message in told if f'done, {unit}#2' in message]
    if not fails or not ends:
        return [*logs, f'the check of {unit} was to fail, and then to hold']
    entered = [event for event in events if event['event'] == 'enter']
    units = [event['unit'] for event in entered if fails[0] < event['n'] < ends[0]]
    found = [log for log in logs if warning not in log]
    if unit not in units:
        found.append(f'{unit} did not restart again although its check had failed')
    others = sorted(set(units) - {unit})
    return found + [f'{other} restarted although the check of {unit} failed' for other in others]


def badly_repaired(events):
    """Whether anybody but the unit that is unavailable restarted before its turn repaired it."""
    marks = [event for event in events if event['event'] in ('enter', 'config')]
    changed = max(place for place, event in enumerate(marks) if event['event'] == 'config')
    units = [event['unit'] for event in marks[changed:] if event['event'] == 'enter']
    first = units[0] if units else 'nobody'
    wanted = 'unavailable/1'
    return [] if first == wanted else [f'{wanted} was to restart first, and not {first}']


def asked_for_themselves(events):
    """The units that asked for a turn although the leader was to announce it."""
    changed = max(event['n'] for event in events if event['event'] == 'config')
    return [
        f'{event["unit"]} asked for a turn itself'
        for event in events
        if event['event'] == 'log'
        and event['n'] > changed
        and ': requested as' in event['message']
    ]


def badly_broken(events):
    """Whether the failure of a real service was told badly, or did not stop the roll."""
    fails = [event for event in events if event.get('outcome') == 'failed']
    mends = [event for event in events if event['event'] == 'resolved']
    if len(fails) != 1 or len(mends) != 1:
        return [f'{len(fails)} hooks failed and {len(mends)} were resolved, not one and one']
    (failed,), (mended,) = fails, mends
    unit = failed['unit']
    logs = (e for e in events if e['event'] == 'log' and e['level'] == 'ERROR')
    told = '\n'.join(event['message'] for event in logs if event['unit'] == unit)
    service = f'python-seed@{unit.split("/")[1]}.service'
    words = (
        f'ServiceRestartError: the service {service} did not restart on {unit}: ',
        '| cannot bind port 80',
    )
    found = [f'the log of {unit} does not say: {part}' for part in words if part not in told]
    entered = [event for event in events if event['event'] == 'enter']
    found += [
        f'{event["unit"]} restarted although the service of {unit} was broken'
        for event in entered
        if failed['n'] < event['n'] < mended['n']
    ]
    # Else the failure held up nobody, and the run has shown nothing.
    after = {event['unit'] for event in entered if event['n'] > mended['n']}
    if unit not in after or len(after) < 2:
        found.append('the roll did not go on with the unit that was mended and one behind it')
    return found


def badly_refreshed(events, scenario):
    """Whether a refresh from the original library found less to take over than it was to find."""
    logs = [event['message'] for event in events if event['event'] == 'log']
    found = []
    if not any('Taking over the request' in message for message in logs):
        found.append('no unit had anything to take over')
    held = held_at_refresh(events)
    if scenario != 'refresh-waiting' and not held:
        found.append('no unit held a grant when a unit was refreshed')
    by_itself = any(holder == refreshed for holder, refreshed in held)
    if scenario in ('refresh-held', 'refresh-leader-last') and not by_itself:
        found.append('no unit was refreshed while it held a grant itself')
    return found


def held_at_refresh(events):
    """Who held a grant of the original library when a unit was refreshed, as (holder, refreshed).

    The leader's settings say what was granted, and for which request. A unit has let go of it when
    it has changed its requests after that.
    """
    granted, holders, pairs = {}, set(), set()
    for event in events:
        kind, unit = event['event'], event.get('unit')
        if kind == 'tool' and event['command'] == 'leader-set':
            key, _, text = event['args'][0].partition('=')
            if key == 'coordinator':
                now = json.loads(text)
                new = {name for name in now if now[name] != granted.get(name)}
                holders = {name for name in new | holders if now.get(name)}
                granted = now
        elif kind == 'commit' and 'coordinator:0 coordinator' in event.get('unit_writes', {}):
            holders.discard(unit)
        elif kind == 'hook-begin' and event['hook'] == 'upgrade-charm':
            pairs |= {(holder, unit) for holder in holders}
    return pairs


USES = ('Turns, OperationResult', 'OpsCoordinator, RestartCharmEvent', 'Serial')
"""What one charm or another imports from the package."""


def import_times(python, names):
    """How long importing ops takes, and these names of the package after it, in milliseconds."""
    done = subprocess.run(
        [python, '-c', IMPORT.format(names=names)],
        capture_output=True,
        encoding='utf-8',
        check=True,
    )
    ops, ours = done.stdout.split()
    return float(ops), float(ours)
