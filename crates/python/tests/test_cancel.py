"""An operator ends another unit's request."""

import json
from typing import ClassVar

import ops
import pytest
from conftest import charm, restart_or_defer
from ops_coordinator import CoordinatorError


def cancelling(unit, **options):
    """A charm whose leader cancels the restart of a unit in `start`."""

    class Charm(charm(restart_or_defer)):
        # A list, because an older ops.testing runs a class derived from this one.
        found: ClassVar[list[bool]] = []

        def __init__(self, framework: ops.Framework):
            super().__init__(framework)
            framework.observe(self.on.start, self._on_start)

        def _on_start(self, _):
            if self.unit.is_leader() or 'anywhere' in options:
                kept = {name: value for name, value in options.items() if name != 'anywhere'}
                self.found.append(self.coordinator.cancel('restart', unit, **kept))

    return Charm


def waiting(application, definition):
    """Three units of which the second and the third are in the line."""
    app = application(definition, units=3)
    for number in (2, 1):
        app.hook(number, 'config_changed')
    app.hook(0)
    return app


def line_of(app):
    return json.loads(app.app_bag['ops-coordinator'])['locks']['restart']


def test_a_cancelled_restart_is_over_for_the_event_too(application, services):
    definition = cancelling('app/1')
    app = waiting(application, definition)
    app.hook(0, 'start')
    assert definition.found == [True]
    assert [ticket['unit'] for ticket in line_of(app)['cancelled']] == ['app/1']
    for number in (1, 1, 2):
        app.hook(number)
    assert len(services.restarted) == 1, 'app/1 never restarts, and app/2 waits for it no longer'


def test_a_dead_units_place_is_taken_away_by_force(application, services):
    app = waiting(application, cancelling('app/1', force=True))
    app.hook(0, 'start')
    assert [entry['unit'] for entry in line_of(app)['line']] == ['app/2']
    app.hook(2)
    assert len(services.restarted) == 1


def test_there_is_nothing_to_cancel_where_nothing_was_asked_for(application):
    definition = cancelling('app/1')
    app = application(definition, units=2)
    app.hook(0, 'start')
    assert definition.found == [False]


@pytest.mark.parametrize(
    ('number', 'unit', 'said'), [(1, 'app/2', 'not the leader'), (0, 'app', "'app'")]
)
def test_who_may_not_cancel_and_who_is_no_unit_are_told(application, number, unit, said):
    error = application(cancelling(unit, anywhere=True), units=2).failing_hook(number, 'start')
    assert isinstance(error, CoordinatorError)
    assert said in str(error)
    assert error.hint
    assert str(error).endswith(f'\nhint: {error.hint}')


def test_an_error_of_the_charm_itself_has_no_hint():
    assert CoordinatorError('nothing to say').hint is None
