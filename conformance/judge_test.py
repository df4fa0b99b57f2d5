"""A judge that never says no proves nothing: each rule must fail a run that breaks it."""

import copy
import unittest

import judge


def hook(name, number=0, member=None, **more):
    """A dispatch as a real Juju would make it."""
    env = dict.fromkeys(judge.ALWAYS, '')
    env |= {
        'JUJU_UNIT_NAME': f'app/{number}',
        'JUJU_CONTEXT_ID': f'app/{number}-{name}-1',
        'JUJU_HOOK_NAME': name,
        'JUJU_DISPATCH_PATH': f'hooks/{name}',
        'JUJU_AGENT_SOCKET_NETWORK': 'unix',
    }
    if '-relation-' in name:
        relation = {
            'JUJU_RELATION': 'peer',
            'JUJU_RELATION_ID': 'peer:1',
            'JUJU_REMOTE_APP': 'app',
        }
        env |= relation | {'JUJU_REMOTE_UNIT': member or ''}
    if name.endswith('departed'):
        env['JUJU_DEPARTING_UNIT'] = member
    return {'kind': 'dispatch', 'name': name, 'env': env | more, 'cwd': ''}


GOOD = [
    hook('install'),
    hook('peer-relation-created'),
    hook('leader-elected'),
    hook('config-changed'),
    hook('start'),
    hook('peer-relation-joined', member='app/1'),
    hook('peer-relation-changed', member='app/1'),
    hook('peer-relation-changed'),
    hook('upgrade-charm'),
    hook('config-changed'),
    hook('peer-relation-departed', member='app/1'),
]


def faults(lines, removed=()):
    """What the judge says of one unit's lines."""
    units = {0: lines}
    return [*judge.environment(units), *judge.order(units, 'peer', removed)]


class JudgeTest(unittest.TestCase):
    """One broken run a test."""

    def test_a_good_run_is_not_faulted(self):
        """Nor should it be."""
        self.assertEqual(faults(GOOD), [])
        self.assertEqual(faults([*GOOD, hook('stop'), hook('remove')], removed=(0,)), [])

    def assert_faulted(self, text, lines, removed=()):
        """The judge says this, and nothing else."""
        found = faults(lines, removed)
        self.assertEqual([text in fault for fault in found], [True], found)

    def test_broken_runs_are_faulted(self):
        """Each for its own reason."""
        self.assert_faulted('INHERITED is set', [*GOOD, hook('update-status', INHERITED='yes')])
        self.assert_faulted(
            'JUJU_HOOK_NAME is', [*GOOD, hook('update-status', JUJU_HOOK_NAME='x')]
        )
        self.assert_faulted('app/1 joined twice', [*GOOD[:7], *GOOD[5:]])
        self.assert_faulted('departed without the change', [*GOOD[:6], *GOOD[7:]])
        self.assert_faulted('changed while it was no member', [*GOOD[:5], *GOOD[6:]])
        self.assert_faulted('began with', [GOOD[0], GOOD[3], GOOD[4]])
        upgraded = [*GOOD, hook('upgrade-charm'), hook('update-status')]
        self.assert_faulted('follows upgrade-charm', upgraded)
        self.assert_faulted('and ended with', GOOD, removed=(0,))
        self.assert_faulted('nobody removed it', [*GOOD, hook('stop')])
        missing = copy.deepcopy(GOOD)
        del missing[0]['env']['JUJU_MODEL_UUID']
        self.assert_faulted('JUJU_MODEL_UUID is not set', missing)

    def test_failed_and_missing_checks_are_faulted(self):
        """A charm that checks nothing is no good charm."""
        bad = {'kind': 'check', 'name': 'x', 'ok': False, 'got': 1, 'want': 2}
        self.assertEqual(len(list(judge.checks({0: [bad]}, 1))), 1)
        self.assertEqual(len(list(judge.checks({0: []}, 1))), 1)
        self.assertEqual(list(judge.checks({0: [bad | {'ok': True}]}, 1)), [])

    def test_two_inside_at_once_are_faulted(self):
        """So is one that goes in twice, or never."""
        turns = [{'event': e, 'unit': f'a/{n}'} for n in range(5) for e in ('enter', 'leave')]
        self.assertEqual(judge.turns(turns), [])
        self.assertEqual(len(judge.turns([*turns[:1], *turns[2:]])), 4)
        self.assertEqual(len(judge.turns(turns[:8])), 1)
        self.assertEqual(len(judge.turns(turns + turns[:2])), 1)


if __name__ == '__main__':
    unittest.main()
