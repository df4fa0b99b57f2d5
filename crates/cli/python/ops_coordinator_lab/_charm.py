"""The charm as the lab runs it, and a stand-in for systemd."""

import re
import shutil
from pathlib import Path

from ._command import LabError

DISPATCH = '#!/bin/sh\nPYTHONPATH=lib:src exec python3 src/charm.py\n'
"""What charmcraft would write, but with the libraries of the Python that the tests run on."""

LEFT_OUT = ('.git', '.tox', '.venv', 'venv', '.pytest_cache', '.ruff_cache', '__pycache__')
"""What a unit's copy of the charm does not need."""

SYSTEMCTL = """#!/bin/bash
# Stands in for systemd. Each restart is a time inside the lock; a test may have services fail.
unit=${JUJU_UNIT_NAME//\\//-}
service=${!#}
failing() { cat "@BROKEN@/$unit/$service" || cat "@BROKEN@/all/$service"; } 2>/dev/null
case $1 in
  restart | reload | reload-or-restart | try-restart)
    lab-mark enter '@LOCK@' || exit 1
    sleep 0.2
    lab-mark leave '@LOCK@' || exit 1
    if why=$(failing); then echo "$why" >&2; exit 1; fi
    ;;
  is-active)
    if failing >/dev/null; then echo failed; exit 3; fi
    case " $* " in *' --quiet '* | *' -q '*) ;; *) echo active ;; esac
    ;;
esac
"""


def prepared(charm: Path, place: Path) -> Path:
    """The directory that a charm runs from: its own, or a copy to which `dispatch` was added.

    Raises:
        LabError: if there is no charm.
    """
    if not charm.is_dir():
        raise LabError(f'{charm} is not a directory')
    if (charm / 'dispatch').exists() or (charm / 'hooks').exists():
        return charm
    if not (charm / 'src' / 'charm.py').exists():
        raise LabError(f'{charm} has neither dispatch, nor hooks, nor src/charm.py')
    shutil.copytree(charm, place, ignore=shutil.ignore_patterns(*LEFT_OUT), symlinks=True)
    dispatch = place / 'dispatch'
    dispatch.write_text(DISPATCH)
    dispatch.chmod(0o755)
    return place


def stand_in(place: Path, broken: Path, lock: str) -> Path:
    """A directory with a `systemctl` that marks restarts as a time inside `lock`.

    Raises:
        LabError: if the lock name is invalid.
    """
    if not re.fullmatch(r'[\w.-]+', lock):
        raise LabError(f'invalid lock name {lock!r}: expected letters, digits, ., _ or -')
    place.mkdir()
    script = place / 'systemctl'
    script.write_text(SYSTEMCTL.replace('@BROKEN@', str(broken)).replace('@LOCK@', lock))
    script.chmod(0o755)
    return place
