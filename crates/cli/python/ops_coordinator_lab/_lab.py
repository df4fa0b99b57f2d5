"""A lab, from its first unit to its end."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from . import _charm, _toml
from ._command import LabError, call, command, said
from ._history import Turn, turns

LOG_LINES = 12
"""How many lines of each log a failed test shows."""

NOT_RUN = 125
"""The exit code of `lab exec` if it could not run the command at all."""

LONG = '24h'
"""Longer than any test: the lab itself does not give up."""


@dataclasses.dataclass(frozen=True)
class UnitStatus:
    """How a unit is, as `juju status` shows it."""

    name: str
    leader: bool
    zone: str
    workload: str
    """The charm's status, such as `active`."""
    message: str
    """The message with it."""
    agent: str
    """What the unit's agent does, such as `idle`."""


@dataclasses.dataclass(frozen=True)
class Status:
    """How the model is."""

    juju: str
    """The version of Juju that the lab imitates."""
    units: dict[str, UnitStatus]
    """The units, by name."""

    @property
    def leader(self) -> str | None:
        """The unit that leads."""
        return next((unit.name for unit in self.units.values() if unit.leader), None)


@dataclasses.dataclass(frozen=True)
class ActionResult:
    """How an action ended."""

    completed: bool
    """Whether it succeeded."""
    results: dict[str, str]
    """What it set; keys of nested results have dots."""
    message: str
    """Why it failed."""
    log: list[str]
    """What it logged."""


@dataclasses.dataclass(frozen=True)
class ExecResult:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


class Lab:
    """An embedded Juju that runs one application as real processes.

    A unit is named as in Juju, or by its number. Where a method says so, `'leader'` is the
    leader, and `'holder'` the unit that entered a lock last and is still inside.

    Args:
        directory: an empty directory. The model's files are in `model` there: a log for each
        unit, and the history.
    """

    def __init__(self, directory: Path | str):
        self._place = Path(directory).resolve()
        self._process: subprocess.Popen[bytes] | None = None
        self._application = ''

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    @property
    def directory(self) -> Path:
        """Where the model's files are."""
        return self._place / 'model'

    @property
    def application(self) -> str:
        """The name of the application."""
        return self._application

    def deploy(
        self,
        charm: Path | str = '.',
        *,
        units: int = 1,
        zones: int = 1,
        config: Mapping[str, Any] | None = None,
        services: str | None = None,
        path: Sequence[Path | str] = (),
        juju: str | None = None,
        seed: int = 0,
        update_status: str = '5m',
    ) -> None:
        """Deploy a charm, without waiting for its units.

        A charm that has no `dispatch` gets the one that charmcraft would write. Hooks run with
        the libraries of the Python that the tests run on.

        Args:
            charm: its directory.
            units: how many.
            zones: in how many availability zones they are, in turn.
            config: options that differ from the charm's defaults.
            services: the name of a lock. Then a stand-in for `systemctl` is on the hooks' `PATH`,
                and each restart of a service is a time inside this lock. Otherwise the charm
                itself calls `lab-mark`.
            path: more directories for the hooks' `PATH`.
            juju: the version of Juju to imitate, `'2.9'` to `'4.x'`.
            seed: determines every random choice of the model.
            update_status: the time between two `update-status` hooks; `'0s'` means never.

        Raises:
            LabError: if the lab cannot run this, with the reason.
        """
        if self._process is not None:
            raise LabError('this lab runs an application already; another one needs its own lab')
        run_from = _charm.prepared(Path(charm).resolve(), self._place / 'charm')
        paths = [Path(one).resolve() for one in path]
        if services is not None:
            broken = self._place / 'broken'
            paths.append(_charm.stand_in(self._place / 'stand-in', broken, services))
        paths.append(Path(sys.executable).parent)
        scenario = self._place / 'scenario.toml'
        wanted = {
            'charm': str(run_from),
            'units': units,
            'zones': zones,
            'config': dict(config or {}),
            'juju': juju,
            'seed': seed,
            'update-status-interval': update_status,
        }
        scenario.write_text(_toml.table(wanted), encoding='utf-8')
        line = [str(command()), 'lab', 'run', '--scenario', str(scenario), '--timeout', LONG]
        line += ['--dir', str(self.directory), '--stay-until-eof']
        for one in paths:
            line += ['--path', str(one)]
        with self._output.open('wb') as output:
            self._process = subprocess.Popen(
                line, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT
            )
        self._application = self._first_status().units.popitem()[0].split('/')[0]

    def _first_status(self) -> Status:
        process = self._process
        assert process is not None
        while True:
            done = call(self.directory, ['status', '--format', 'json'])
            if done.returncode == 0:
                return self._status(done.stdout)
            if process.poll() is not None:
                output = self._output.read_text(errors='replace').strip()
                raise LabError(output.removeprefix('ops-coordinator: '))
            time.sleep(0.02)

    @property
    def _output(self) -> Path:
        return self._place / 'output.txt'

    def status(self) -> Status:
        """How the model is.

        Raises:
            LabError: if nothing is deployed.
        """
        return self._status(self._do(['status', '--format', 'json']))

    @staticmethod
    def _status(text: bytes) -> Status:
        given = json.loads(text)
        units = [UnitStatus(name=unit.pop('unit'), **unit) for unit in given['units']]
        return Status(given['juju'], {unit.name: unit for unit in units})

    def wait_idle(self, *, timeout: float = 60, waiting: bool = False) -> Status:
        """Wait until no hook runs or is due except `update-status`, and nobody waits for a turn.

        Args:
            timeout: give up after so many seconds.
            waiting: units may wait for a turn, for example because the roll has stopped. Then
                only hooks count.

        Raises:
            LabError: if units still wait for a turn and nothing has moved for 12 s, or time ran
                out.
        """
        words = ['wait', '--timeout', _milliseconds(timeout)]
        self._do([*words, '--waiting-allowed'] if waiting else words)
        return self.status()

    def config(self, options: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        """Change the application's config; a mapping is for names that Python does not allow."""
        self.step(config={**(options or {}), **more})

    def run_action(
        self, unit: str | int, name: str, /, *, check: bool = True, **params: Any
    ) -> ActionResult:
        """Run an action on a unit or `'leader'`, and wait for its end.

        Raises:
            LabError: if it fails and `check` is true, or there is no such unit or action.
        """
        pairs = [f'{key}={json.dumps(item)}' for key, item in params.items()]
        words = ['action', '--format', 'json', '--', self._unit(unit), name, *pairs]
        done = self._call(words)
        if not done.stdout:
            raise LabError(said(done))
        result = ActionResult(**json.loads(done.stdout))
        if check and not result.completed:
            raise LabError(f'action {name} has failed: {result.message or "without a message"}')
        return result

    def exec(self, unit: str | int, /, *words: str, check: bool = True) -> ExecResult:
        """Run a command on a unit or `'leader'`, in its context, once no hook runs there.

        Args:
            unit: where.
            words: one word is a script for bash, several are a command and its arguments.
            check: whether an exit code other than 0 is an error.

        Raises:
            LabError: if it did not run, or if it failed and `check` is true.
        """
        done = self._call(['exec', '--', self._unit(unit), *words])
        if done.returncode == NOT_RUN and done.stderr.startswith(b'ops-coordinator: '):
            raise LabError(said(done))
        result = ExecResult(
            done.returncode,
            done.stdout.decode(errors='replace'),
            done.stderr.decode(errors='replace'),
        )
        if check and result.code:
            raise LabError(f'{" ".join(words)}: exit code {result.code}\n{said(done)}')
        return result

    def add_unit(self, count: int = 1) -> None:
        """Add units."""
        self.step(add_units=count)

    def remove_unit(self, unit: str | int, *, force: bool = False) -> None:
        """Remove a unit, `'leader'` or `'holder'`; by `force` if its last hooks do not run."""
        self.step(remove_unit=unit, force=force)

    def step(
        self, *, after: str | Mapping[str, Any] | None = None, timeout: float = 60, **what: Any
    ) -> None:
        """Do what a step of a scenario file does; docs/scenario.md has the list.

        Underscores stand for the hyphens of its keys: `lab.step(cut_off='app/1')`.

        Args:
            after: the moment. At once if it is `None`; `'idle'`; a time from now such as `'2s'`;
                or a mark or a hook, such as `{'mark': 'enter', 'lock': 'restart'}`, which counts
                if it came after the step before.
            timeout: give up after so many seconds.
            what: the step.

        Raises:
            LabError: if the step cannot be taken, if what it expects does not hold, or if its
                moment does not come.
        """
        entries = {key.replace('_', '-'): self._named(key, item) for key, item in what.items()}
        text = _toml.table({'after': after, **entries})
        self._do(['step', '--timeout', _milliseconds(timeout), '--', text])

    def kill(self, unit: str | int, *, after: str | Mapping[str, Any] | None = None) -> None:
        """Kill the hook that runs on a unit, `'leader'` or `'holder'`, with all its processes."""
        self.step(kill=unit, after=after)

    def suspend(self, unit: str | int, *, after: str | Mapping[str, Any] | None = None) -> None:
        """Freeze the machine of a unit, `'leader'` or `'holder'`, with all its processes."""
        self.step(suspend=unit, after=after)

    def wake(self, unit: str | int, *, after: str | Mapping[str, Any] | None = None) -> None:
        """Thaw a unit's machine."""
        self.step(wake=unit, after=after)

    def set_leader(self, unit: str | int, *, after: str | Mapping[str, Any] | None = None) -> None:
        """Move leadership to a unit, at once."""
        self.step(leader=unit, after=after)

    def break_service(self, service: str, why: str, *, unit: str | int | None = None) -> None:
        """Have each restart of a service fail from now on, everywhere or on one unit.

        The service must be one of the stand-in, see `deploy(services=...)`.
        """
        self._service(service, unit, why)

    def mend_service(self, service: str, *, unit: str | int | None = None) -> None:
        """Take back `break_service` with the same arguments."""
        self._service(service, unit, None)

    def _service(self, service: str, unit: str | int | None, why: str | None) -> None:
        if not (self._place / 'stand-in').exists():
            raise LabError("only services of the stand-in fail: give deploy(services='LOCK')")
        where = 'all' if unit is None else self._unit(unit).replace('/', '-')
        # As systemd does.
        name = service if '.' in service else f'{service}.service'
        for one in {service, name, name.removesuffix('.service')}:
            file = self._place / 'broken' / where / one
            if why is None:
                file.unlink(missing_ok=True)
            else:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(why + '\n', encoding='utf-8')

    def history(self) -> list[dict[str, Any]]:
        """Everything that has happened so far, oldest first, in the lab's own words."""
        file = self.directory / 'history.jsonl'
        # The last line may not be complete yet.
        lines = file.read_text(encoding='utf-8').split('\n')[:-1] if file.exists() else []
        return [json.loads(line) for line in lines]

    def turns(self, lock: str) -> list[Turn]:
        """The times that units were inside a lock, in the order in which they entered."""
        return turns(self.history(), lock).done

    def never_more_than(self, limit: int, lock: str) -> None:
        """Check that at no time more than `limit` units were inside a lock.

        This is judged by the marks in the lab's history. A unit whose hook was killed inside
        counts until it has left.

        Raises:
            AssertionError: if more were inside, or if no unit ever was, which would prove nothing.
        """
        found = turns(self.history(), lock)
        if not found.done:
            raise AssertionError(
                f'no unit was ever inside {lock}: the charm must call lab-mark, '
                f'or the test deploy(services={lock!r})'
            )
        if len(found.most) > limit:
            units = ' '.join(found.most)
            raise AssertionError(
                f'{len(found.most)} units were inside {lock} at {found.most_at:.3f} s: {units}'
            )

    def log(self, unit: str | int) -> str:
        """What the hooks of a unit have printed and logged."""
        file = self.directory / f'unit-{self._unit(unit).replace("/", "-")}' / 'log'
        return file.read_text(encoding='utf-8', errors='replace')

    def tail(self) -> str:
        """The ends of all logs, and where the rest is; for a test that has failed."""
        logs = [self._output, *sorted(self.directory.glob('unit-*/log'))]
        parts = [f'the files are in {self.directory}']
        for log in filter(Path.exists, logs):
            lines = log.read_text(errors='replace').splitlines()[-LOG_LINES:]
            title = 'what the lab said' if log == self._output else log.parent.name
            parts.append('\n'.join([f'{title}:', *(f'  {line}' for line in lines)]))
        return '\n'.join(parts)

    def end(self) -> None:
        """End the lab with all its processes; the files stay."""
        process = self._process
        if process is None or process.stdin is None:
            return
        process.stdin.close()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            # What it keeps ends with it.
            process.terminate()
            process.wait()

    def _unit(self, unit: str | int) -> str:
        if isinstance(unit, int):
            return f'{self._application}/{unit}'
        return f'{self._application}/leader' if unit == 'leader' else unit

    def _named(self, key: str, item: Any) -> Any:
        """What stands under a key, with the name of a unit where its number was given."""
        is_unit = isinstance(item, int) and not isinstance(item, bool) and key != 'add_units'
        return self._unit(item) if is_unit else item

    def _do(self, words: Sequence[str]) -> bytes:
        done = self._call(words)
        if done.returncode:
            told = done.stdout.decode(errors='replace').strip()
            raise LabError('\n'.join(filter(None, [said(done), told])))
        return done.stdout

    def _call(self, words: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
        if self._process is None:
            raise LabError('nothing is deployed yet: call deploy first')
        return call(self.directory, words)


def _milliseconds(seconds: float) -> str:
    return f'{round(seconds * 1000)}ms'
