"""The judge of the lab's runs, held against histories that it must reject."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / 'lab'))

from judge import (
    asked_for_themselves,
    badly_broken,
    badly_crashed,
    badly_refreshed,
    badly_repaired,
    badly_repeated,
    badly_stopped,
    held_at_refresh,
    held_up,
    unreported,
    wrong_in,
)


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


def granted(unit, at):
    """The leader grants a turn to a unit."""
    grants = json.dumps({unit: {'restart': at}})
    return {'event': 'tool', 'command': 'leader-set', 'args': [f'coordinator={grants}']}


REFRESHED = {'event': 'hook-begin', 'hook': 'upgrade-charm', 'unit': 'seed/1'}
RELEASED = {
    'event': 'commit',
    'unit': 'seed/2',
    'unit_writes': {'coordinator:0 coordinator': '{}'},
}


def test_who_holds_a_grant_when_another_is_refreshed_is_found():
    assert held_at_refresh([granted('seed/2', 'noon'), REFRESHED]) == {('seed/2', 'seed/1')}


def test_who_has_let_go_of_it_holds_no_grant_though_the_leader_has_not_seen_it():
    events = [granted('seed/2', 'noon'), RELEASED, granted('seed/2', 'noon'), REFRESHED]
    assert held_at_refresh(events) == set()
    assert held_at_refresh([*events[:-1], granted('seed/2', 'one'), REFRESHED])


def test_a_refresh_in_which_nobody_held_a_grant_does_not_count_as_one():
    taken = {'event': 'log', 'message': 'Taking over the request for restart'}
    assert badly_refreshed([taken, REFRESHED], 'refresh-waiting') == []
    assert badly_refreshed([taken, REFRESHED], 'refresh-inside') != []
    assert badly_refreshed([granted('seed/2', 'noon'), REFRESHED], 'refresh-inside') != []
    events = [taken, granted('seed/2', 'noon'), REFRESHED]
    assert badly_refreshed(events, 'refresh-inside') == []
    assert badly_refreshed(events, 'refresh-held') != []


def restart(unit, *, ends='done', commits=True):
    """A hook in which a unit restarts, and reports it."""
    about = {'unit': unit, 'hook': 'config-changed'}
    commit = {'event': 'commit', 'unit_writes': {'members:1 setting': 'x'}, **about}
    return [
        {'event': 'hook-begin', **about},
        {'event': 'enter', **about},
        {'event': 'leave', **about},
        *([commit] if commits else []),
        {'event': 'hook-end', 'outcome': ends, **about},
    ]


def numbered(*hooks):
    """A history of these hooks."""
    events = [event for hook in hooks for event in hook]
    return [dict(event, n=place) for place, event in enumerate(events, 1)]


def test_a_restart_that_was_not_reported_is_told():
    assert unreported(numbered(restart('seed/1'), restart('seed/2'))) == []
    events = numbered(restart('seed/1'), restart('seed/1', commits=False), restart('seed/2'))
    assert unreported(events) == ['seed/1 did not report its restart']
    assert unreported([]) == ['nobody restarted']


def test_a_crash_counts_only_where_it_was_to_come():
    events = numbered(restart('seed/1', ends='crashed', commits=False), restart('seed/2'))
    assert badly_crashed(events, 'after-process') == []
    for point in ('before-process', 'mid-process', 'after-flush', 'after-done'):
        assert badly_crashed(events, point)
    assert badly_crashed(numbered(restart('seed/1')), 'after-done')


TOLD = (
    'ServiceRestartError: the service python-seed@1.service did not restart on python-seed/1: '
    'it is failed\n  | cannot bind port 80'
)


def broken(*between, told=TOLD, after=(1, 0)):
    """A history in which these units restart while a service is broken, and those after it."""
    unit = {'unit': 'python-seed/1'}
    entered = [
        [{'event': 'enter', 'unit': f'python-seed/{n}'} for n in e] for e in (between, after)
    ]
    return numbered(
        [{'event': 'log', 'level': 'ERROR', 'message': told, **unit}],
        [{'event': 'hook-end', 'outcome': 'failed', **unit}],
        entered[0],
        [{'event': 'resolved', **unit}],
        entered[1],
    )


def test_a_broken_service_stops_the_roll_and_is_told_in_the_log():
    assert badly_broken(broken()) == []
    assert badly_broken(broken(told='it failed')) != []
    assert badly_broken(broken(0)) == [
        'python-seed/0 restarted although the service of python-seed/1 was broken'
    ]


def test_a_broken_service_that_held_up_nobody_shows_nothing():
    for after in ((), (0,), (1,)):
        assert badly_broken(broken(after=after)) != []
    assert badly_broken(broken()[:2]) != []


def test_who_gave_up_its_turn_reports_nothing_and_the_others_do():
    events = numbered(restart('python-seed/1', commits=False), restart('python-seed/2'))
    assert wrong_in(events, 'withdrawn') == []
    events = numbered(restart('python-seed/1'), restart('python-seed/2', commits=False))
    assert wrong_in(events, 'withdrawn') == ['python-seed/2 did not report its restart']


def stopped(*entered, says='the service hello.service did not restart on python/1: it is failed'):
    """A history of the service that does not come up, and the units that restart meanwhile."""
    events = [{'event': 'log', 'unit': 'python/1', 'message': says}]
    events += [{'event': 'enter', 'unit': unit} for unit in entered]
    events += [{'event': 'config'}, {'event': 'enter', 'unit': 'python/1'}]
    return [{'n': n, **event} for n, event in enumerate(events)]


def test_a_broken_service_is_logged_and_nothing_else_is():
    (log,) = (f'python/1: {event["message"]}' for event in stopped() if event['event'] == 'log')
    assert badly_stopped(stopped(), [log]) == []
    assert badly_stopped(stopped(), [log, 'python/0: torn']) == ['python/0: torn']
    (silence,) = badly_stopped(stopped(says='well'), [])
    assert silence.startswith('nobody logs: ')


def test_a_unit_that_restarts_while_a_service_is_broken_is_told():
    (told,) = badly_stopped(stopped('python/2'), [])
    assert told == 'python/2 restarted although the service of python/1 was broken'


def test_the_unavailable_unit_restarts_first():
    def marks(*units):
        return [{'event': 'enter', 'unit': f'unavailable/{unit}'} for unit in units]

    changed = [*marks(0), {'event': 'config'}]
    assert badly_repaired([*changed, *marks(1, 0)]) == []
    told = ['unavailable/1 was to restart first, and not unavailable/0']
    assert badly_repaired([*changed, *marks(0, 1)]) == told
    assert badly_repaired(changed) == ['unavailable/1 was to restart first, and not nobody']


def test_a_unit_that_asks_for_an_announced_turn_is_told():
    def log(number, message):
        return {'event': 'log', 'n': number, 'unit': 'announced/1', 'message': message}

    changed = [log(1, 'restart: requested as announced/1#1'), {'event': 'config', 'n': 2}]
    assert asked_for_themselves([*changed, log(3, 'restart: done, announced/1#2')]) == []
    found = asked_for_themselves([*changed, log(3, 'restart: requested as announced/1#2')])
    assert found == ['announced/1 asked for a turn itself']


def test_a_unit_whose_check_fails_restarts_again_and_nobody_else():
    def log(number, message):
        return {'event': 'log', 'n': number, 'message': f'restart: {message}'}

    def enter(number, unit):
        return {'event': 'enter', 'n': number, 'unit': f'restart-checked/{unit}'}

    fails = log(1, 'the check of restart-checked/1#2 fails; the unit keeps its turn: it is sick')
    done = log(4, 'done, restart-checked/1#2, attempt 2')
    warned = 'restart-checked/1: restart: its check failed: it is sick; it runs again'
    assert badly_repeated([fails, enter(2, 1), done, enter(5, 2)], [warned, 'x']) == ['x']
    for events, said in (
        ([fails, done], 'restart-checked/1 did not restart again although its check had failed'),
        (
            [fails, enter(2, 1), enter(3, 2), done],
            'restart-checked/2 restarted although the check of restart-checked/1 failed',
        ),
        ([fails, enter(2, 1)], 'the check of restart-checked/1 was to fail, and then to hold'),
    ):
        assert badly_repeated(events, []) == [said]
