"""Runs a command on a terminal of its own, and keeps what the terminal showed and when."""

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

ROWS, COLUMNS = 40, 100
# Longer than between two parts of a drawing, shorter than between two drawings.
QUIET = 0.01


@dataclass(frozen=True)
class Style:
    """How a character looks."""

    colour: str = 'plain'
    bold: bool = False


@dataclass(frozen=True)
class Frame:
    """A screen: rows of characters, each with its style; in seconds since the start."""

    at: float
    rows: tuple[tuple[tuple[str, Style], ...], ...]


COLOURS = {2: 'faint', 31: 'bad', 32: 'good', 33: 'busy'}
TOKEN = re.compile(r'\x1b\[([?\d;]*)([A-Za-z])|([^\x1b])')


class Screen:
    """A terminal that knows what the demo writes, and stops at anything else."""

    def __init__(self) -> None:
        self.rows: list[list[tuple[str, Style]]] = [[]]
        self.row = self.column = 0
        self.style = Style()
        self.rest = ''

    def feed(self, text: str) -> None:
        text, end = self.rest + text, 0
        for token in TOKEN.finditer(text):
            if token.start() != end:
                break
            parameters, command, char = token.groups()
            if char is not None:
                self._put(char)
            else:
                self._obey(command, parameters)
            end = token.end()
        self.rest = text[end:]
        if len(self.rest) > 16:
            raise ValueError(f'not understood: {self.rest[:16]!r}')

    def _put(self, char: str) -> None:
        if char == '\r':
            self.column = 0
        elif char == '\n':
            self.row += 1
            while len(self.rows) <= self.row:
                self.rows.append([])
        else:
            row = self.rows[self.row]
            row += [(' ', Style())] * (self.column + 1 - len(row))
            row[self.column] = (char, self.style)
            self.column += 1

    def _obey(self, command: str, parameters: str) -> None:
        match command, parameters:
            case 'm', _:
                for number in map(int, (parameters or '0').split(';')):
                    self._restyle(number)
            case 'A', _:
                self.row -= int(parameters or 1)
            case 'K', '':
                del self.rows[self.row][self.column :]
            case 'J', '':
                del self.rows[self.row][self.column :]
                del self.rows[self.row + 1 :]
            case (('h' | 'l'), '?7'):
                pass
            case _:
                raise ValueError(f'not understood: {parameters}{command}')

    def _restyle(self, number: int) -> None:
        match number:
            case 0:
                self.style = Style()
            case 1:
                self.style = replace(self.style, bold=True)
            case _:
                self.style = replace(self.style, colour=COLOURS[number])


def record(command: list[str], prompt: str) -> list[Frame]:
    """Runs the command; returns the screens that differ from the one before, the first with the prompt alone."""
    screen = Screen()
    screen.feed(f'\x1b[2m$\x1b[0m{prompt[1:]}\r\n\r\n')
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', ROWS, COLUMNS, 0, 0))
        path = os.environ['PATH']
        os.execve(command[0], command, {'PATH': path, 'TERM': 'xterm-256color'})
    start = time.monotonic()
    frames = [_frame(screen, 0)]
    at = 0.0
    for part in _parts(terminal):
        if part is not None:
            at = time.monotonic() - start
            screen.feed(part)
        elif (frame := _frame(screen, at)).rows != frames[-1].rows:
            frames.append(frame)
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
        sys.exit('the demo failed')
    frames.append(_frame(screen, at))
    return frames


def _parts(terminal: int) -> Iterator[str | None]:
    """What the command writes, piece by piece; None when it pauses."""
    whole = b''
    while True:
        if not select.select([terminal], [], [], QUIET)[0]:
            yield None
            continue
        try:
            part = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            return
        if not part:
            return
        whole += part
        text = whole.decode(errors='ignore')
        # A character may be cut in two.
        if text.encode() == whole:
            whole = b''
            yield text


def _frame(screen: Screen, at: float) -> Frame:
    return Frame(at, tuple(tuple(row) for row in screen.rows))
