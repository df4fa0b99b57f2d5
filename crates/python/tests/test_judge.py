"""The judge of the lab's runs, held against histories that it must reject."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / 'lab'))

from judge import held_up


def history(*units):
    """A history in which these units restart between the failing check and its mending."""
    entered = [{'event': 'enter', 'unit': f'python-seed/{unit}'} for unit in units]
    return [{'event': 'config'}, *entered, {'event': 'config'}]


def test_units_before_the_broken_one_may_restart():
    assert held_up(history(2, 0, 1, 1)) == []


def test_a_unit_that_restarts_behind_the_broken_one_is_told():
    assert held_up(history(2, 1, 0)) == [
        'python-seed/0 restarted although the check of another had failed'
    ]


def test_a_broken_unit_that_never_restarts_is_told():
    assert held_up(history(2, 0)) == ['the unit whose check fails never came to its turn']
