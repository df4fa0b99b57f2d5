"""Draws the demo for the README: `./dev picture` records a run and writes docs/demo-dark.svg and docs/demo-light.svg."""

import sys
from pathlib import Path

from draw import THEMES, draw
from record import record

PROMPT = '$ ops-coordinator demo --kill --seed 1'


def main() -> None:
    command, folder = sys.argv[1], Path(sys.argv[2])
    frames = record([command, *PROMPT.split()[2:]], prompt=PROMPT)
    for theme in THEMES:
        path = folder / f'demo-{theme}.svg'
        path.write_text(draw(frames, theme))
        print(f'{path}: {path.stat().st_size} bytes, {len(frames)} frames')


main()
