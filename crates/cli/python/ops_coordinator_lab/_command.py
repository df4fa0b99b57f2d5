"""Finds and calls the command `ops-coordinator`."""

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Sequence
from pathlib import Path

NAME = 'ops-coordinator'


class LabError(Exception):
    """What the lab could not do, or refused."""


def command() -> Path:
    """The command that this distribution has installed, or else the one on the `PATH`.

    Raises:
        LabError: if there is none.
    """
    schemes = (sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme('user'))
    for scheme in schemes:
        found = Path(sysconfig.get_path('scripts', scheme)) / NAME
        if os.access(found, os.X_OK):
            return found
    if on_path := shutil.which(NAME):
        return Path(on_path)
    raise LabError(
        f'the command {NAME} is not installed: install ops-coordinator-lab into this environment'
    )


def call(directory: Path, words: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    """Call `ops-coordinator lab WORDS` for the lab in a directory."""
    verb, *rest = words
    line = [str(command()), 'lab', verb, '--dir', str(directory), *rest]
    return subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, check=False)


def said(done: subprocess.CompletedProcess[bytes]) -> str:
    """What the command printed to be read: its errors, without its own name."""
    text = done.stderr.decode(errors='replace').strip()
    return text.removeprefix(f'{NAME}: ') or f'exit code {done.returncode}'
