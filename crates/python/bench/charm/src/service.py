"""What all the charms restart: next to nothing, so that what costs is the coordination."""

import pathlib
import subprocess
import time

LOCK = 'restart'
_APPLIED = pathlib.Path('applied')


def needs_restart(config):
    """Whether the service runs with another setting. As deployed it runs with the first one."""
    if not _APPLIED.exists():
        _APPLIED.write_text(config['setting'])
    return _APPLIED.read_text() != config['setting']


def restart(config):
    """Restart, between the marks by which the lab knows who is inside."""
    subprocess.run(['lab-mark', 'enter', LOCK], check=True)
    time.sleep(config['duration'])
    _APPLIED.write_text(config['setting'])
    subprocess.run(['lab-mark', 'leave', LOCK], check=True)
