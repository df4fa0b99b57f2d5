"""Draws what a terminal showed as an SVG that plays it in real time, over and over.

Everything is placed on a grid, so that columns stand in line whatever the reader's font is, and the characters of
which diagrams consist are drawn as shapes. Where nothing is animated (or shall be), the last screen is shown.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from html import escape

from record import Frame, Style

WIDTH, HEIGHT, SIZE, MARGIN = 8.4, 20, 14, 18
# How long the last screen stays, in seconds.
HOLD = 7

FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"

THEMES = {
    'dark': {
        'ground': '#0d1117',
        'edge': '#30363d',
        'plain': '#e6edf3',
        'faint': '#8b949e',
        'busy': '#e3b341',
        'good': '#3fb950',
        'bad': '#ff7b72',
    },
    'light': {
        'ground': '#ffffff',
        'edge': '#d0d7de',
        'plain': '#1f2328',
        'faint': '#59636e',
        'busy': '#9a6700',
        'good': '#1a7f37',
        'bad': '#cf222e',
    },
}

# A run of one of these, or of text with no more than one blank between two words.
RUN = re.compile('█+|░+|·+|━+|─+|▶|✔|(?:(?! )[^█░·━─▶✔]+?(?=  |[█░━─]|··|$))')

Run = tuple[int, int, str, Style]
Times = tuple[tuple[float, float], ...]


def draw(frames: list[Frame], theme: str) -> str:
    colours = THEMES[theme]
    ends = [frame.at for frame in frames[1:]] + [frames[-1].at + HOLD]
    total = ends[-1]
    shown: dict[Run, list[tuple[float, float]]] = defaultdict(list)
    for frame, end in zip(frames, ends, strict=True):
        for run in _runs(frame):
            times = shown[run]
            if times and times[-1][1] == frame.at:
                times[-1] = (times[-1][0], end)
            else:
                times.append((frame.at, end))
    groups: dict[Times, list[Run]] = defaultdict(list)
    for run, times in shown.items():
        groups[tuple(times)].append(run)
    keyframes, body = [], []
    for number, (times, runs) in enumerate(groups.items()):
        shapes = ''.join(_shape(run) for run in runs)
        if times == ((0, total),):
            body.append(f'<g>{shapes}</g>')
            continue
        hidden = '' if times[-1][1] == total else ' class="h"'
        body.append(f'<g{hidden} style="animation-name:k{number}">{shapes}</g>')
        keyframes.append(f'@keyframes k{number}{{{_steps(times, total)}}}')
    last = frames[-1].rows
    cells = max(map(len, last)), max(number for number, row in enumerate(last, 1) if row)
    width, height = round(cells[0] * WIDTH + 2 * MARGIN), cells[1] * HEIGHT + 2 * MARGIN - 4
    tones = ''.join(
        f'.{name}{{fill:{colours[name]};stroke:none}}'
        for name in ('plain', 'faint', 'busy', 'good', 'bad')
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">\n'
        '<title>ops-coordinator demo: five units restart in turn, and one whose hook is killed restarts again</title>\n'
        f'<style>text{{font:{SIZE}px {FONT};white-space:pre}}.b{{font-weight:bold}}{tones}.h{{visibility:hidden}}'
        f'g{{animation:{total:.2f}s step-end infinite}}'
        f'@media(prefers-reduced-motion:reduce){{g{{animation:none!important}}}}\n'
        + '\n'.join(keyframes)
        + f'\n</style>\n<rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="8" '
        f'fill="{colours["ground"]}" stroke="{colours["edge"]}"/>\n'
        + '\n'.join(body)
        + '\n</svg>\n'
    )


def _runs(frame: Frame) -> Iterator[Run]:
    """The pieces of a screen that are drawn as one: row, column, text, style."""
    for number, row in enumerate(frame.rows):
        start = 0
        while start < len(row):
            style, end = row[start][1], start
            while end < len(row) and row[end][1] == style:
                end += 1
            text = ''.join(char for char, _ in row[start:end])
            for run in RUN.finditer(text):
                yield number, start + run.start(), run.group(), style
            start = end


def _steps(times: Times, total: float) -> str:
    steps = {0.0: 'hidden'}
    for begin, end in times:
        steps[begin / total] = 'visible'
        if end < total:
            steps[end / total] = 'hidden'
    return ''.join(f'{100 * at:.4g}%{{visibility:{how}}}' for at, how in steps.items())


def _shape(run: Run) -> str:
    row, column, text, style = run
    x, y, width = MARGIN + column * WIDTH, MARGIN + row * HEIGHT, len(text) * WIDTH
    middle = y + HEIGHT / 2 - 3
    tone = f'class="{style.colour}"'
    match text[0]:
        case '█':
            return f'<rect {tone} x="{x:.4g}" y="{middle - 6:g}" width="{width:.4g}" height="12" rx="1"/>'
        case '░':
            return f'<rect {tone} x="{x:.4g}" y="{middle - 6:g}" width="{width:.4g}" height="12" rx="1" opacity=".35"/>'
        case '·':
            return f'<rect {tone} x="{x:.4g}" y="{middle - 0.5:g}" width="{width:.4g}" height="1" opacity=".3"/>'
        case '━':
            return (
                f'<rect {tone} x="{x:.4g}" y="{middle - 1.5:g}" width="{width:.4g}" height="3"/>'
            )
        case '─':
            return f'<rect {tone} x="{x:.4g}" y="{middle - 0.5:g}" width="{width:.4g}" height="1" opacity=".5"/>'
        case '▶':
            return f'<path {tone} d="M{x:.4g} {middle - 4:g}l7 4-7 4z"/>'
        case '✔':
            return f'<path {tone} d="M{x:.4g} {middle:g}l1.2-1.4 1.8 2 3.6-5 1.4 1-4.8 6.8z"/>'
    bold = ' b' if style.bold else ''
    return (
        f'<text class="{style.colour}{bold}" x="{x:.4g}" y="{y + SIZE - 2}" textLength="{width:.4g}" '
        f'lengthAdjust="spacingAndGlyphs">{escape(text, quote=False)}</text>'
    )
