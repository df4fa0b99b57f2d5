"""The waker: a separate process for work that no Juju event triggers.

`python -m ops_coordinator._wake UNIT STATE ENDPOINT CONTEXT ERRAND` is the waker: it waits for
another hook and runs one if none comes, or runs the visit that writes a line left by a long hook.
`python -m ops_coordinator._wake line UNIT STATE ENDPOINT` is that visit.
"""

import os
import sys

from ._native import run_waker, write_pending_line


def command(*words: str) -> list[str]:
    """Return the command that runs this module, wherever it is run."""
    # `juju-exec` passes no environment on, and a charm's packages are often on PYTHONPATH only.
    path = os.environ.get('PYTHONPATH')
    environment = ['env', f'PYTHONPATH={path}'] if path else []
    return [*environment, sys.executable, '-m', 'ops_coordinator._wake', *words]


def main(words: list[str]) -> None:
    """Run the waker, or the visit."""
    if words[0] == 'line':
        _, unit, state, endpoint = words
        write_pending_line(state, endpoint, command(unit))
        return
    unit, state, endpoint, context, errand = words
    run_waker(unit, state, endpoint, context, errand, command('line', unit, state, endpoint))


if __name__ == '__main__':
    main(sys.argv[1:])
