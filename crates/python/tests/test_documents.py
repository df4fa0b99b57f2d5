"""The documents' examples run."""

import os
import re
import subprocess
import sys
from pathlib import Path

from ops_coordinator import Serial

DOCS = Path(__file__).parents[3] / 'docs'

LAB = 'ops_coordinator_lab'

AS_DOCUMENTED = Path(__file__).parents[1] / 'lab' / 'as-documented'

CHARMCRAFT = """
name: my-charm
type: charm
summary: An example.
description: An example.
peers: {coordinator: {interface: coordinator}}
config: {options: {port: {type: int, default: 80}}}
"""


CHECKED = """

from ops_coordinator import Turns


class MyTurnsCharm(ops.CharmBase):
    def __init__(self, framework):
        super().__init__(framework)
        self.turns = Turns(self, {'restart': lambda: None}, check=self._fault, soak='2m')
        framework.observe(self.on.config_changed, self._on_config_changed)

    def _on_config_changed(self, _):
        self.turns.request('restart')

    def _fault(self):
        raise AssertionError('the test says whether it holds')
"""
"""The charm of the document's test of a check."""


def examples(name):
    """The Python in a document."""
    return re.findall(r'```python\n(.*?)```', (DOCS / name).read_text(), re.DOTALL)


def test_the_charm_of_the_one_document_passes_the_tests_of_the_other(tmp_path):
    (tmp_path / 'charmcraft.yaml').write_text(CHARMCRAFT)
    (tmp_path / 'src').mkdir()
    (example,) = [text for text in examples('python.md') if 'on = RestartCharmEvent' in text]
    (tmp_path / 'src' / 'charm.py').write_text(example + CHECKED)
    tests = tmp_path / 'tests'
    tests.mkdir()
    in_ops_testing = [text for text in examples('testing-a-charm.md') if LAB not in text]
    (tests / 'test_charm.py').write_text('\n\n'.join(in_ops_testing))
    command = [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', 'tests']
    path = os.pathsep.join([str(tmp_path / 'src'), *sys.path])
    environment = dict(os.environ, PYTHONPATH=path)
    environment.pop('OPERATOR_DISPATCH', None)
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, encoding='utf-8', check=False
    )
    assert done.stdout.splitlines()[-1].startswith('5 passed'), done.stdout + done.stderr


def test_the_test_in_the_lab_is_one_that_runs():
    (example,) = [text for text in examples('testing-a-charm.md') if LAB in text]
    place = DOCS.parent / 'charms' / 'turns' / 'tests_in_lab' / 'test_roll.py'
    body = example[example.index('    lab.deploy') :].replace("'.'", 'CHARM')
    missing = [line for line in body.splitlines() if line not in place.read_text().splitlines()]
    assert missing == []


def test_the_first_charm_of_the_document_runs_its_operation_in_turn(application):
    names = {}
    exec(examples('python.md')[0], names)
    ran = []

    class Charm(names['MyCharm']):
        def _restart(self, port):
            ran.append((self.unit.name, port))

    app = application(Charm, 2, config={'port': {'type': 'int', 'default': 80}})
    app.everybody('config_changed')
    app.everybody()
    app.everybody()
    assert ran == [('app/0', 80), ('app/1', 80)]


def test_the_charm_of_the_tour_has_less_than_40_lines():
    charm = DOCS.parent / 'charms' / 'turns' / 'src' / 'charm.py'
    assert len(charm.read_text().splitlines()) < 40
    assert 'in 39 lines' in (DOCS / 'python.md').read_text()


def test_the_policy_of_the_document_lets_odd_units_go_first():
    (example,) = [text for text in examples('python.md') if 'OddOnesFirst' in text]
    names = {'Serial': Serial}
    exec(example, names)
    grant = names['OddOnesFirst'].grant_backup
    queue = ['app/0', 'app/1', 'app/2']
    granted = [unit for unit in queue if grant(None, 'backup', unit, set(), queue)]
    assert granted == ['app/0', 'app/1']
    assert not grant(None, 'backup', 'app/1', {'app/3'}, queue)


def test_the_charm_of_the_original_documentation_fills_its_dots_and_changes_nothing_else():
    anything = r'(?:.*\n)*?'
    pattern = anything
    for line in (AS_DOCUMENTED / 'example.txt').read_text().splitlines(keepends=True):
        dots = line.strip() == '...' or '# Do a check' in line
        pattern += anything if dots else re.escape(line).replace(r'\.\.\.', '.*')
    charm = (AS_DOCUMENTED / 'src' / 'charm.py').read_text()
    assert re.fullmatch(pattern + anything, charm)
    assert not re.fullmatch(pattern + anything, charm.replace('event.defer()', 'pass', 1))
