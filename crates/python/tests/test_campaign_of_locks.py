"""Campaigns for the locks of `Serial`: only the charm's code knows whether it needs a turn."""

import ops
from conftest import counters, line, record
from ops_coordinator import Policy, Serial, Turns
from ops_coordinator._dispatch import Dispatch
from ops_coordinator.compat import charmhelpers
from turning import turning


def rolling():
    """A charm whose leader has all units go in turn, as the revision before has done."""
    made = turning(lock='backup')
    made.ask = lambda turns: turns.roll('restart', reason='new keys')
    return made


def locking(step=None, locks=Serial):
    """A charm with locks of its own, which does a step with them in each update-status."""

    class Charm(ops.CharmBase):
        def __init__(self, framework):
            super().__init__(framework)
            self.locks = locks(self)
            framework.observe(self.on.update_status, self._step)
            framework.observe(self.on.start, self._step_of_start)

        def _step(self, _):
            if step is not None:
                step(self)

        def _step_of_start(self, _):
            pass

    return Charm


def campaign(born, charm, units=3):
    """Units that are refreshed once the leader has begun a campaign, with app/0 in front."""
    app = born(rolling(), units)
    app.hook(0, 'config_changed')
    assert line(app, 'backup') == list(range(units))
    app.charm_type = charm
    return app


def outcomes(app):
    """How each unit's turn has ended."""
    return [counters(app, number, 'backup')[2] for number in app.units]


def test_units_that_have_nothing_to_do_pass(born):
    app = campaign(born, locking(locks=charmhelpers.Serial))
    for _ in range(12):
        app.everybody()
    assert outcomes(app) == ['passed'] * 3
    assert record(app, 1, 'backup')['why'] == 'the charm does not ask for it'


def test_a_unit_passes_once_three_dispatches_have_not_asked(born):
    app = campaign(born, locking())
    for _ in range(2):
        app.hook(0)
    assert 'backup' not in app.units[0].bag['ops-coordinator']
    context = app.hook(0)
    assert outcomes_of(app, 0) == 'passed'
    said = [log.message for log in context.juju_log if 'campaign' in log.message]
    assert 'backup: passing in a campaign: the charm does not ask for it' in said


def outcomes_of(app, number):
    """How a unit's turn has ended."""
    return counters(app, number, 'backup')[2]


def test_it_waits_for_its_turn_before_it_passes(born):
    app = campaign(born, locking())
    for _ in range(5):
        app.hook(1)
    assert 'backup' not in app.units[1].bag['ops-coordinator']


def test_a_waker_brings_the_dispatches_in_between(born, monkeypatch):
    woken = []
    monkeypatch.setattr(Dispatch, 'wake', lambda _, lock, seconds: woken.append((lock, seconds)))
    app = campaign(born, locking())
    for _ in range(3):
        app.hook(0)
    assert woken == [('backup', 1)] * 2
    app.hook(0)
    assert len(woken) == 2


def test_code_that_asks_does_its_work_in_the_turn_of_the_campaign(born):
    worked = []

    def step(charm):
        if charm.locks.granted('backup'):
            worked.append(charm.unit.name)

    app = campaign(born, locking(step))
    for _ in range(4):
        app.hook(0, 'start')
        app.everybody()
    assert worked == ['app/0', 'app/1', 'app/2']
    assert outcomes(app) == ['done'] * 3


def test_a_lock_that_nothing_in_the_charm_uses_holds_up_nobody(born):
    class Charm(ops.CharmBase):
        def __init__(self, framework):
            super().__init__(framework)
            self.turns = Turns(self, {}, lock='restart')

    app = campaign(born, Charm)
    for _ in range(12):
        app.everybody()
    assert outcomes(app) == ['passed'] * 3


def test_an_invitation_that_turns_answers_later_is_not_passed_up(born):
    """Outside its window the operation waits; its unit has something to do all the same."""
    closed = [True]
    app = campaign(born, None)
    policy = Policy(blocker=lambda: 'not now' if closed else None)
    app.charm_type = made = turning(lock='backup', policy=policy)
    for _ in range(5):
        app.everybody()
    assert made.ran == []
    closed.clear()
    for _ in range(4):
        app.everybody()
    assert [unit for unit, _, _ in made.ran] == ['app/0', 'app/1', 'app/2']
