"""What an operator sees of a charm: its log, its status, its metrics."""

import json
import logging
import os
import shlex

import ops
import ops_coordinator.__main__ as command
import pytest
from conftest import charm, module, restart_or_defer
from ops import testing


def said(context, level='INFO'):
    """What the coordination has logged."""
    return [
        log.message for log in context.juju_log if log.level == level and 'restart' in log.message
    ]


def test_each_step_of_a_restart_is_one_line_and_a_quiet_hook_says_nothing(application):
    app = application(charm(restart_or_defer), units=2)
    app.everybody('start')
    assert said(app.hook(1, 'config_changed')) == ['restart: requested as app/1#1']
    app.hook(0, 'config_changed')
    assert said(app.hook(1)) == ['restart: app/1#1 is 2nd in line']
    assert said(app.hook(1)) == []
    assert said(app.hook(0)) == [
        'restart: turn begun, app/0#1, attempt 1',
        'restart: done, app/0#1, attempt 1',
    ]
    assert said(app.hook(1)) == [
        'restart: turn begun, app/1#1, attempt 1',
        'restart: done, app/1#1, attempt 1',
    ]
    assert said(app.hook(1)) == []


def test_a_turn_that_began_is_in_the_log_of_a_dispatch_that_fails(application, services, caplog):
    app = application(charm(restart_or_defer))
    app.hook(0, 'config_changed')
    services.broken.add('web')
    with caplog.at_level(logging.INFO):
        app.failing_hook(0)
    lines = [record.getMessage() for record in caplog.records]
    assert 'restart: turn begun, app/0#1, attempt 1' in lines
    kept = 'attempt 1 of app/0#1 did not succeed; the unit keeps its turn: web: it is failed'
    assert f'restart: {kept}' in lines


class WithStatus(ops.CharmBase):
    """A charm that says in its status what it waits for."""

    on = module.RestartCharmEvent()

    def __init__(self, framework):
        super().__init__(framework)
        framework.observe(self.on.config_changed, self._on_config_changed)
        framework.observe(self.on.restart_event, self._on_restart)
        framework.observe(self.on.collect_unit_status, self._on_collect_status)
        self.coordinator = module.OpsCoordinator(self)

    def _on_config_changed(self, _):
        self.on.restart_event.emit({}, services=['web'])

    def _on_restart(self, event):
        restart_or_defer(self, event)

    def _on_collect_status(self, event):
        event.add_status(ops.ActiveStatus('serves'))
        self.coordinator.add_status(event)


def unit_status(app, number, **options):
    """The unit's status after a hook."""
    statuses = []
    run = testing.Context.run

    def noting(context, event, state):
        out = run(context, event, state)
        statuses.append(out.unit_status)
        return out

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(testing.Context, 'run', noting)
        app.hook(number, **options)
    return statuses[-1]


def test_a_waiting_unit_says_so_in_its_status_beside_the_charms_own(application):
    app = application(WithStatus, units=2)
    app.everybody('start')
    app.hook(0, 'config_changed')
    waits = testing.WaitingStatus('restart: queued, 1st behind app/0')
    assert unit_status(app, 1, name='config_changed') == waits
    app.hook(0)
    assert unit_status(app, 0) == testing.ActiveStatus('serves'), 'its turn ends with this hook'
    assert unit_status(app, 1) == testing.ActiveStatus('serves')


def test_a_unit_in_line_says_whom_it_waits_for(application):
    app = application(WithStatus, units=3)
    app.everybody('start')
    app.everybody('config_changed')
    # The line of the leader's first hook has only its own request; its next one adds the others.
    app.hook(0)
    waits = testing.WaitingStatus('restart: 2nd in line, behind app/1')
    assert unit_status(app, 2) == waits


def test_an_action_can_show_the_table(application):
    tables = []

    def handle(c, event):
        tables.append(c.coordinator.status_table())
        restart_or_defer(c, event)

    app = application(charm(handle), units=2)
    app.everybody('start')
    app.everybody('config_changed')
    lines = tables[-1].splitlines()
    assert lines[0] == 'lock restart'
    assert lines[1].split() == ['UNIT', 'PLACE', 'SINCE', 'DONE', 'WHY']
    assert any(line.startswith('app/0') for line in lines[2:])


def test_metrics_are_written_where_the_charm_wants_them(application, tmp_path):
    path = tmp_path / 'unit.prom'
    app = application(charm(restart_or_defer, metrics=path))
    app.hook(0, 'config_changed')
    assert 'ops_coordinator_outstanding{unit="app/0",lock="restart"} 1' in path.read_text()
    app.hook(0)
    text = path.read_text()
    assert 'ops_coordinator_outstanding{unit="app/0",lock="restart"} 0' in text
    assert 'ops_coordinator_requests_total{unit="app/0",lock="restart",outcome="done"} 1' in text


def test_the_command_says_what_is_missing(capsys, monkeypatch):
    for variable in ('JUJU_UNIT_NAME', 'JUJU_CONTEXT_ID', 'JUJU_CHARM_DIR'):
        monkeypatch.delenv(variable, raising=False)
    assert command.main(['status']) == 1
    assert 'JUJU' in capsys.readouterr().err


def test_the_command_shows_the_status_in_a_hooks_environment(tmp_path, capsys, monkeypatch):
    line = {'unit': 'app/1', 'id': '00000001', 'seq': 1, 'limit': 1}
    value = {
        'v': 1,
        'term': 1,
        'version': 2,
        'by': 'app/1',
        'locks': {'restart': {'line': [line]}},
    }
    answers = {
        'is-leader': False,
        'relation-ids': ['peers:7'],
        'relation-list': [],
        # The application's value; of the unit there is none that could be read.
        'relation-get': json.dumps(value),
    }
    for tool, answer in answers.items():
        path = tmp_path / tool
        path.write_text(f'#!/bin/sh\necho {shlex.quote(json.dumps(answer))}\n')
        path.chmod(0o755)
    (tmp_path / 'metadata.yaml').write_text('peers: {peers: {interface: coordinator}}')
    state = tmp_path / '.ops-coordinator'
    state.mkdir()
    (state / 'endpoint').write_text('peers')
    monkeypatch.setenv('PATH', str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv('JUJU_UNIT_NAME', 'app/0')
    monkeypatch.setenv('JUJU_CONTEXT_ID', 'app/0-juju-run-1')
    monkeypatch.setenv('JUJU_CHARM_DIR', str(tmp_path))
    assert command.main(['status']) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == 'lock restart'
    assert shown[2].split()[:3] == ['app/1*', 'its', 'turn']
    assert 'leaving, until Juju forgets it' in shown[2]
    assert command.main(['status', '--format', 'json']) == 0
    status = json.loads(capsys.readouterr().out)
    assert status['locks']['restart']['units'][0]['ticket'] == 'app/1#1'


def test_the_command_knows_only_its_own_words(capsys):
    with pytest.raises(SystemExit):
        command.main(['restart'])
    assert 'status' in capsys.readouterr().err
