"""What a hand-off between units of two applications takes, ours beside charmlibs-rollingops.

    handoff.py LAB PACKAGE DIRECTORY ROUNDS

The same charm on both libraries, in two labs with two units each, on one real etcd with client
certificates. The lab has neither relations between applications nor secrets: stand-ins answer for
the hook tools. It asserts nothing about times. It must run where /usr/bin/python3 and
/usr/bin/juju-exec are the environment's and the lab's, because the other library's worker calls
them by these names; `check` sees to that. Only hand-offs to
a unit that stood in line already count.
"""

import collections
import datetime
import itertools
import json
import os
import pathlib
import re
import shutil
import statistics
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
LAB = HERE.parent / 'lab'
CHARM = LAB / 'managed'
sys.path[:0] = [str(LAB / 'shared'), str(LAB / 'shared' / 'tests')]

from ops_coordinator_lab import Lab  # noqa: E402
from servers import Etcd, make_certificates  # noqa: E402
from stand_in import Provider  # noqa: E402
from test_related import CHANGED, common_name, let_in  # noqa: E402

UNITS = 2
SECONDS = 0.3
"""How long an operation takes."""
PATIENCE = 400


class Ours:
    """The charm on this package."""

    title = 'ops-coordinator'

    def prepare(self, charm, package):
        """Change the charm, and what is beside it."""
        shutil.copytree(package / 'ops_coordinator_etcd', charm / 'lib' / 'ops_coordinator_etcd')

    def let_in(self, etcd, lab, provider):
        """Bring the units into etcd."""
        let_in(etcd, provider)
        lab.wait_idle()
        for unit in range(UNITS):
            lab.exec(unit, CHANGED)

    def waited(self, labs, who, since, start):
        """Whether a unit stood in line when another ended: it does from its request on."""
        return True

    def explain(self, labs, handoffs):
        """Say where the time goes."""


class Theirs:
    """The charm on the other library."""

    title = 'charmlibs-rollingops'

    def prepare(self, charm, package):
        """Change the charm, and what is beside it."""
        code = charm / 'src' / 'charm.py'
        text = code.read_text()
        for old, new in (
            ('ops_coordinator.compat.rollingops', 'charmlibs.rollingops'),
            ('import ops\n', 'import ops\nfrom charmlibs import pathops\n'),
            ('            cluster_id=', '            base_dir=BASE,\n            cluster_id='),
            (
                'class OwnLock',
                "BASE = pathops.LocalPath(Path('rollingops').resolve())\n\n\nclass OwnLock",
            ),
        ):
            assert old in text
            text = text.replace(old, new, 1)
        code.write_text(text)
        # Where charmcraft puts the libraries, and where it looks for its worker and for etcdctl.
        (charm / 'venv').symlink_to(pathlib.Path(sys.prefix))
        (charm / 'usr' / 'bin').mkdir(parents=True)
        (charm / 'usr' / 'bin' / 'etcdctl').symlink_to(shutil.which('etcdctl'))

    def let_in(self, etcd, lab, provider):
        """Bring the units into etcd: write what the library writes once etcd has answered."""
        bases = [one / 'rollingops' for one in sorted(lab.directory.glob('unit-*/charm'))]
        wait('the certificates', lambda: all((b / 'tls' / 'client.pem').exists() for b in bases))
        lab.wait_idle(waiting=True)
        tls = bases[0] / 'tls'
        authority = (tls / 'client-ca.pem').read_text()
        etcd.let_in(common_name((tls / 'client.pem').read_text()), '/rollingops/', authority)
        for base in bases:
            (base / 'etcd').mkdir(exist_ok=True)
            server_ca = base / 'etcd' / 'server-ca.pem'
            shutil.copy(etcd.certificates / 'server-ca.pem', server_ca)
            known = {'endpoints': etcd.endpoint, 'cacert_path': str(server_ca)}
            known['cert_path'] = str(base / 'tls' / 'client.pem')
            known['key_path'] = str(base / 'tls' / 'client.key')
            (base / 'etcd' / 'etcdctl.json').write_text(json.dumps(known))

    def waited(self, labs, who, since, start):
        """Whether a unit stood in line when another ended.

        A worker looks every 30 s whether there is anything to do, which is no hand-off.
        """
        tries = [at for at in moments(self._log(labs, who), 'Try to get lock') if at < start]
        return bool(tries) and max(tries) < since

    def explain(self, labs, handoffs):
        """Say where the time goes, from the workers' logs."""
        parts = collections.defaultdict(list)
        for (before, end), (after, start) in handoffs:
            mine, others = self._log(labs, before), self._log(labs, after)
            freed = next(at for at in moments(mine, 'lock released') if at > end)
            granted = max(at for at in moments(others, 'Lock granted') if at < start)
            parts['until the worker of the unit has freed the lock'].append(freed - end)
            parts['until the next worker looks, every 15 s'].append(granted - freed)
            parts['until its hook runs the callback'].append(start - granted)
        for words, spans in parts.items():
            print(f'    {words}: {middle(spans)}')

    def _log(self, labs, who):
        application, _, unit = who.partition('-')
        (charm,) = labs['ab'.index(application)].directory.glob(f'unit-*-{unit}/charm')
        return (charm / 'rollingops' / 'etcd_rollingops_worker.log').read_text()


def moments(log, words):
    """When a worker has said something, in seconds."""
    for line in log.splitlines():
        if words in line:
            stamp = re.match(r'(\S+ \S+),(\d+) ', line)
            at = datetime.datetime.fromisoformat(f'{stamp[1]}.{stamp[2]}')
            yield at.timestamp()


def middle(spans):
    """The median, the smallest and the largest."""
    spans = sorted(spans)
    if not spans:
        return 'never'
    return f'{statistics.median(spans):.2f} s ({spans[0]:.2f}-{spans[-1]:.2f})'


def wait(what, reached):
    """Wait for something that must come."""
    since = time.monotonic()
    while not reached():
        if time.monotonic() - since > PATIENCE:
            sys.exit(f'never: {what}')
        time.sleep(0.05)


class Bench:
    """Two applications on one library."""

    def __init__(self, library, package, directory):
        self.library, self.directory = library, directory
        for name in ('etcd', 'certificates'):
            (directory / name).mkdir(parents=True)
        made = make_certificates(directory / 'certificates')
        self.etcd = Etcd(directory / 'etcd', made)
        self.labs, self.log = [], directory / 'log'
        self.log.touch()
        for number, who in enumerate('ab', 1):
            self._deploy(who, number, package)

    def _deploy(self, who, seed, package):
        charm = self.directory / f'{who}-charm'
        shutil.copytree(CHARM, charm)
        code = charm / 'src' / 'charm.py'
        stamped = "f'{line} {time.time_ns()}\\n'"
        text = code.read_text()
        assert "line + '\\n'" in text
        code.write_text(text.replace("line + '\\n'", stamped))
        self.library.prepare(charm, package)
        provider = Provider(self.directory / f'{who}-provider')
        provider.answers(charm)
        place = self.directory / who
        place.mkdir()
        lab = Lab(place)
        self.labs.append(lab)
        config = {'who': who, 'log': str(self.log), 'seconds': SECONDS}
        lab.deploy(charm, units=UNITS, config=config, seed=seed, update_status='0s')
        self.library.let_in(self.etcd, lab, provider)

    def round(self, number):
        """Let every unit run its operation once; gives when each began and ended."""
        before = len(self.log.read_text().splitlines())
        for lab in self.labs:
            lab.config(message=f'{number}')
        wanted = before + 4 * UNITS
        wait('all have run', lambda: len(self.log.read_text().splitlines()) >= wanted)
        lines = [line.split() for line in self.log.read_text().splitlines()[before:wanted]]
        turns = []
        for enter, leave in zip(lines[::2], lines[1::2], strict=True):
            if (enter[0], leave[0], enter[1]) != ('+', '-', leave[1]):
                print(f'  two were inside: {lines}')
            turns.append((enter[1], int(enter[-1]) / 1e9, int(leave[-1]) / 1e9))
        return turns

    def handoffs(self, turns):
        """Who ended when, and who began after that, of those who stood in line already."""
        for (before, _, end), (after, start, _) in itertools.pairwise(turns):
            if self.library.waited(self.labs, after, end, start):
                yield (before, end), (after, start)

    def end(self):
        """End all of it."""
        for lab in self.labs:
            lab.end()
        self.etcd.kill()


def main():
    """Measure both, and tell."""
    lab, package, directory, rounds = sys.argv[1:]
    os.environ['PATH'] = f'{pathlib.Path(lab).resolve().parent}:{os.environ["PATH"]}'
    medians = {}
    for library in (Ours(), Theirs()):
        bench = Bench(library, pathlib.Path(package), pathlib.Path(directory) / library.title)
        try:
            turns = [bench.round(number) for number in range(int(rounds))]
            seen = [one for some in turns for one in bench.handoffs(some)]
            gaps = [start - end for (_, end), (_, start) in seen]
            medians[library.title] = statistics.median(gaps)
            print(f'  {library.title}: {middle(gaps)}, {len(gaps)} hand-offs', flush=True)
            library.explain(bench.labs, seen)
        finally:
            bench.end()
    ours, theirs = medians.values()
    print(f'  ratio of the medians: {theirs / ours:.1f}')


if __name__ == '__main__':
    main()
