"""What a run in the lab, and an import, came to."""

import json
import subprocess

IMPORT = """
import ops, time
start = time.perf_counter()
import ops_coordinator
print((time.perf_counter() - start) * 1000)
"""


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


def seed(model, scenario):
    """What is wrong with a run of the example charm, beyond what the lab itself judges."""
    events = history(model)
    wrong = [
        f'{event["unit"]}: {event["message"]}'
        for event in events
        if event['event'] == 'log' and event['level'] in ('WARNING', 'ERROR')
    ]
    if scenario == 'killed':
        # The hook that was killed could not say goodbye; its journal is not unreadable for that.
        wrong = []
    if scenario == 'failed-check':
        wrong += held_up(events)
    return wrong


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


def taken_over(model):
    """How many requests of the original library became tickets."""
    logs = [event['message'] for event in history(model) if event['event'] == 'log']
    return sum('Taking over the request' in message for message in logs)


def import_time(python):
    """How long importing the package takes after importing ops, in milliseconds."""
    done = subprocess.run(
        [python, '-c', IMPORT], capture_output=True, encoding='utf-8', check=True
    )
    return float(done.stdout)
