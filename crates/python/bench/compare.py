"""What this package costs a charm, next to the libraries that do the same.

The same charm on each of them, and on ops alone, in the lab: five units, two rolls, and then hooks
in which nothing is to do. The libraries take turns, so that what else the machine does meets all
of them.
"""

import collections
import dataclasses
import json
import os
import pathlib
import shutil
import statistics
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
UNITS = 5
IDLE = 5
"""How many hooks without anything to do are measured on a unit in a run."""
DURATIONS = (0, 2)
"""How many seconds the restarts of each roll take."""
LEADER, OTHER = 'rolling/2', 'rolling/4'

SCENARIO = f"""
units = {UNITS}
timeout = "300s"
update-status-interval = "0s"

[[step]]
leader = "{LEADER}"
"""
ROLL = """
[[step]]
config = {{ setting = "{setting}", duration = {duration} }}

[[step]]
after = {{ mark = "leave", lock = "restart", count = {units} }}
"""
NOTHING_TO_DO = """
[[step]]
exec = {{ unit = "{unit}", command = "JUJU_DISPATCH_PATH=hooks/update-status ./dispatch" }}
"""
IMPORT = """
import ops, time
start = time.perf_counter()
{}
print((time.perf_counter() - start) * 1000)
"""
# The worker of charmlibs-rollingops runs /usr/bin/python3 and /usr/bin/juju-exec, whatever PATH
# says. So all charms run in a mount namespace in which these are the environment's and the lab's.
NAMESPACE = 'mount -t overlay overlay -o "lowerdir=$1:/usr/bin" /usr/bin && shift && exec "$@"'


class BenchError(Exception):
    """A run that did not end as it should."""


@dataclasses.dataclass(frozen=True)
class Library:
    """One library, and the charm that is on it."""

    title: str
    charm: str
    imports: str
    limit: int = 1
    """How many units may be inside at once."""


OURS = Library('ops-coordinator', 'ops_coordinator', 'import ops_coordinator')
ALONE = Library('ops alone', 'bare', 'pass', limit=UNITS)
LIBRARIES = (
    ALONE,
    OURS,
    Library('charmhelpers', 'charmhelpers', 'from charmhelpers import coordinator'),
    Library('rollingops', 'rollingops', 'from charmlibs import rollingops'),
)


class Bench:
    """Runs the charms, and keeps every figure by name and library."""

    def __init__(self, lab, programs, scratch):
        self.lab, self.programs, self.scratch = lab.resolve(), programs, scratch
        self.figures = collections.defaultdict(lambda: collections.defaultdict(list))
        """By name and by the library's title: for each repetition what was measured in it."""

    def repeat(self, repetition):
        """Measure everything once more."""
        # Nobody is always first.
        turn = repetition % len(LIBRARIES)
        for library in LIBRARIES[turn:] + LIBRARIES[:turn]:
            model = self._run(library, repetition)
            for name, values in read(model, library).items():
                self.figures[name][library.title].append(values)
            shutil.rmtree(model.parent)

    def measure_imports(self, times):
        """Measure what importing each library takes, in processes that have imported ops."""
        taken = {library: [] for library in LIBRARIES if library is not ALONE}
        for time in range(times + 1):
            for library, values in taken.items():
                command = [self.programs / 'python', '-c', IMPORT.format(library.imports)]
                done = subprocess.run(command, capture_output=True, encoding='utf-8', check=True)
                # The first time it compiles.
                if time:
                    values.append(float(done.stdout))
        for library, values in taken.items():
            self.figures['import, ms'][library.title] = [[value] for value in values]

    def _run(self, library, repetition):
        """Run a charm in the lab; gives the directory of the run."""
        place = self.scratch / f'{library.charm}-{repetition}'
        shutil.rmtree(place, ignore_errors=True)
        charm, system, model = place / 'charm', place / 'system', place / 'model'
        shutil.copytree(HERE / 'charm', charm)
        shutil.copy(HERE / 'charms' / f'{library.charm}.py', charm / 'src' / 'charm.py')
        # Where charmcraft puts the libraries, and charmlibs-rollingops looks for its worker.
        (charm / 'venv').symlink_to(self.programs.parent)
        system.mkdir()
        (system / 'juju-exec').symlink_to(self.lab)
        (system / 'python3').symlink_to((self.programs / 'python3').resolve())
        scenario = place / 'scenario.toml'
        scenario.write_text(written_scenario())
        own = [] if os.geteuid() == 0 else ['--map-root-user']
        command = ['unshare', *own, '--mount', 'sh', '-c', NAMESPACE, 'sh', system]
        command += [self.lab, 'lab', 'run', '--charm', charm, '--scenario', scenario]
        command += ['--dir', model, '--path', self.programs, '--seed', str(repetition)]
        command += ['--limit', f'restart={library.limit}', '--hook-limit', '60s']
        done = subprocess.run(command, capture_output=True, encoding='utf-8', check=False)
        if done.returncode:
            end = '\n'.join((done.stdout + done.stderr).splitlines()[-30:])
            raise BenchError(f'{library.title}, repetition {repetition}, in {place}:\n{end}')
        return model

    def table(self):
        """The figures as aligned lines: middle, lowest to highest, and how many times ours."""
        rows = [['', *(library.title for library in LIBRARIES)]]
        for name, figures in self.figures.items():
            rows.append([name, *(cell(figures, library) for library in LIBRARIES)])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = []
        for row in rows:
            padded = [text.ljust(width) for text, width in zip(row, widths, strict=True)]
            lines.append('  '.join(padded).rstrip())
        return '\n'.join(lines)


def written_scenario():
    """The scenario: the rolls, and then nothing to do, on the leader and on another unit."""
    text = SCENARIO
    for number, duration in enumerate(DURATIONS):
        text += ROLL.format(setting=f'roll {number}', duration=float(duration), units=UNITS)
    for unit in (LEADER, OTHER) * IDLE:
        text += NOTHING_TO_DO.format(unit=unit)
    return text


def read(model, library):
    """The figures of one run, by name."""
    lines = (model / 'history.jsonl').read_text().splitlines()
    events = [json.loads(line) for line in lines]
    begins = [number for number, event in enumerate(events) if event['event'] == 'config']
    begins.append(first_idle(events))
    figures = {}
    for duration, begin, end in zip(DURATIONS, begins[:-1], begins[1:], strict=True):
        for name, values in roll(events[begin:end]).items():
            if library is not ALONE or name in ('hooks', 'hook tools'):
                figures[f'roll, {duration} s each: {name}'] = values
    figures.update(idle(events[begins[-1] :], model))
    return figures


def first_idle(events):
    """Where the hooks without anything to do begin."""
    executed = [number for number, event in enumerate(events) if event['event'] == 'exec-queued']
    return executed[-2 * IDLE]


def is_call(event):
    """Whether this is a call of a hook tool that a charm cannot do without."""
    return event['event'] == 'tool' and event['command'] not in ('juju-log', 'lab-mark')


def roll(events):
    """What a roll came to, from the change until nothing was left to do."""
    leaves = [event['at'] for event in events if event['event'] == 'leave']
    hooks, times = [], []
    begun = left = None
    for event in events:
        if event['event'] == 'leave':
            begun, left = 0, event['at']
        elif event['event'] == 'hook-begin' and left is not None:
            begun += 1
        elif event['event'] == 'enter' and left is not None:
            hooks.append(begun)
            times.append((event['at'] - left) / 1000)
    return {
        'hooks': [sum(event['event'] == 'hook-begin' for event in events)],
        'hook tools': [sum(map(is_call, events))],
        'until the last is done, s': [(leaves[-1] - events[0]['at']) / 1000],
        'hand-off, hooks': hooks,
        'hand-off, s': times,
    }


def idle(events, model):
    """What hooks with nothing to do came to, on the leader and on another unit."""
    calls = collections.defaultdict(list)
    for event in events:
        if event['event'] == 'hook-begin':
            calls[event['unit']].append(0)
        elif is_call(event):
            calls[event['unit']][-1] += 1
    figures = {}
    for role, unit in (('leader', LEADER), ('another', OTHER)):
        costs = (model / f'unit-{unit.replace("/", "-")}' / 'costs').read_text().splitlines()
        rows = [line.split()[1:] for line in costs if line.startswith('update-status ')]
        numbers = [tuple(map(float, row)) for row in rows[-IDLE:]]
        figures[f'idle, {role}: hook tools'] = calls[unit]
        figures[f'idle, {role}: clock, ms'] = [clock * 1000 for clock, _, _ in numbers]
        figures[f'idle, {role}: processor, ms'] = [(u + s) * 1000 for _, u, s in numbers]
    return figures


def cell(figures, library):
    """The middle of what was measured, its extremes, and the middle of its ratios to ours."""
    repetitions = figures.get(library.title)
    if not repetitions:
        return '-'
    values = sorted(value for repetition in repetitions for value in repetition)
    text = written(statistics.median(values))
    if values[0] != values[-1]:
        text += f' ({written(values[0])} to {written(values[-1])})'
    ours = figures.get(OURS.title)
    if library in (OURS, ALONE) or not ours:
        return text
    # Of the same repetition, when the machine was as busy.
    ratios = [
        statistics.median(theirs) / statistics.median(own)
        for theirs, own in zip(repetitions, ours, strict=True)
    ]
    return f'{text} x{statistics.median(ratios):.1f}'


def written(value):
    """A number with three digits that count, or as it is."""
    return str(round(value)) if value >= 100 or value == int(value) else f'{value:.3g}'
