"""The charm as real processes, on the lab: units that take turns, and what goes wrong."""

from pathlib import Path

from ops_coordinator_lab import Lab

CHARM = Path(__file__).parents[1]
SERVICE = 'hello.service'


def test_units_restart_one_after_the_other_even_if_a_hook_is_killed_and_the_leader_changes(
    lab: Lab,
):
    lab.deploy(CHARM, units=3, zones=3, services='restart')
    lab.wait_idle()
    assert len(lab.turns('restart')) == 3
    lab.config(message='good morning')
    lab.kill('holder', after={'mark': 'enter', 'lock': 'restart'})
    lab.set_leader(2)
    units = lab.wait_idle().units
    assert {unit.message for unit in units.values()} == {'good morning'}
    assert sorted(turn.unit for turn in lab.turns('restart')[3:]) == sorted(units)
    lab.never_more_than(1, 'restart')


def test_a_service_that_does_not_come_up_stops_the_roll(lab: Lab):
    lab.deploy(CHARM, units=2, services='restart')
    lab.wait_idle()
    lab.break_service(SERVICE, 'no such port')
    lab.config(message='good morning')
    units = lab.wait_idle(waiting=True).units
    (blocked,) = [unit for unit in units.values() if unit.workload == 'blocked']
    assert 'no such port' in blocked.message
    assert [turn.unit for turn in lab.turns('restart')[2:]] == [blocked.name]
