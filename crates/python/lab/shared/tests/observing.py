"""What a test sees of applications that share a lock."""

import itertools
import json
import time

PATIENCE = 40


def until(what, reached):
    """Wait for something that must come; gives what it came to."""
    since = time.monotonic()
    while not (found := reached()):
        assert time.monotonic() - since < PATIENCE, f'never: {what}'
        time.sleep(0.02)
    return found


def state(lab, unit=0):
    """Where a unit has its state."""
    (charm,) = lab.directory.glob(f'unit-*-{unit}/charm')
    return charm / '.ops-coordinator'


def deputy(lab):
    """The process of the first unit's deputy, None without one."""
    try:
        said = (state(lab) / 'coordinator' / 'deputy.json').read_text()
    except FileNotFoundError:
        return None
    return (json.loads(said)['process'] or {}).get('id')


def never_two(lines):
    """Check that nobody goes in before the one inside has gone out, and that tokens grow."""
    tokens = []
    for enter, leave in zip(lines[::2], lines[1::2], strict=True):
        assert enter[0] == '+' and leave[0] == '-' and enter[1:] == leave[1:], lines
        tokens.append((int(enter.split()[2]), enter.split()[1]))
    for one, other in itertools.pairwise(tokens):
        assert other[0] > one[0] or other == one, lines


def roll(labs):
    """Begin a roll of several applications at once."""
    for lab in labs:
        lab.wait_idle()
    for lab in labs:
        lab.config(message='x')
