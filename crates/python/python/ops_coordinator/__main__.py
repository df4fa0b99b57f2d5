"""What an operator can ask in a unit: `python -m ops_coordinator status`.

It needs the environment of a hook, as `juju exec` makes it, and changes nothing in the databags.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ._endpoint import STATE, endpoint_before
from ._native import CoordinatorError, status_text
from ._wake import command


def main(words: list[str]) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog='python -m ops_coordinator',
        epilog='Example: juju exec --unit app/0 -- '
        'env PYTHONPATH=lib:venv python3 -m ops_coordinator status',
    )
    commands = parser.add_subparsers(required=True, metavar='COMMAND')
    status = commands.add_parser('status', help='show who waits for whom, why and since when')
    status.add_argument('--format', choices=('table', 'json'), default='table')
    status.add_argument(
        '--relation',
        metavar='NAME',
        help='the peer relation that carries the coordination (default: the one used before, or '
        'coordinator)',
    )
    args = parser.parse_args(words)
    unit = os.environ.get('JUJU_UNIT_NAME', '')
    state = Path(os.environ.get('JUJU_CHARM_DIR', '.')) / STATE
    relation = args.relation or endpoint_before(state) or 'coordinator'
    try:
        print(status_text(relation, command(unit), args.format == 'json').rstrip())
    except CoordinatorError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
