"""What an error says of a value: enough to find it, never all of a long one."""

import pytest
from conftest import charm
from ops_coordinator import BaseCoordinator, OpsCoordinator, PeerRelationError, Serial
from ops_coordinator._error import brief
from ops_coordinator.testing import Machine

LONG = 'x' * 100_000


def test_a_short_value_is_shown_and_a_long_one_is_shortened():
    assert brief('web') == "'web'"
    assert brief('x' * 58) == f"'{'x' * 58}'"
    assert brief({'key': LONG}) == f"{{'key': '{'x' * 51}... (100011 characters)"


class Other(Serial):
    """A second class, for a lock that the first one has."""


def owned_by_another(c):
    # As long as a lock's name may be to fit in a request.
    c.coordinator.acquire(LONG[:9_998])
    Other(c).acquire(LONG[:9_998])


WRONG = {
    'context key': lambda c: c.on.restart_event.emit({LONG.encode(): 1}),
    'services as text': lambda c: c.on.restart_event.emit(services=LONG),
    'services as a mapping': lambda c: c.on.restart_event.emit(services={LONG: 1}),
    'service of another type': lambda c: c.on.restart_event.emit(services=[LONG.encode()]),
    'service name': lambda c: c.on.restart_event.emit(services=[LONG]),
    'lock of another type': lambda c: c.coordinator.acquire(LONG.encode()),
    'lock of blanks': lambda c: c.coordinator.acquire(' ' * len(LONG)),
    'lock of another': owned_by_another,
    'lock that is not held': lambda c: c.coordinator.hold(LONG, 'why'),
    'action': lambda c: c.coordinator.save_action(LONG),
    'action of another type': lambda c: c.coordinator.save_action(LONG.encode()),
    'other arguments': lambda c: OpsCoordinator(c, None, [LONG]),
    'limit': lambda c: Other(c, limit=LONG),
    'limit of a lock': lambda c: Other(c, limit={LONG: 0}),
    'two relations': lambda c: Other(c, relation=LONG, peer_relation_name='coordinator'),
    'relation': lambda c: Other(c, relation=LONG),
    'service that is not broken': lambda c: Machine().mend_service(LONG),
}


@pytest.mark.parametrize('value', WRONG)
def test_an_error_says_how_long_a_value_is_instead_of_repeating_it(application, value):
    caught = []

    def emit(c):
        with pytest.raises(Exception, match=r'1000\d+ characters') as error:
            WRONG[value](c)
        caught.append(error.value)

    application(charm(lambda *_: None, emit=emit)).hook(0, 'config_changed')
    (error,) = caught
    assert len(str(error)) < 400


def test_an_error_of_the_relation_still_shows_what_to_add(application):
    def emit(c):
        with pytest.raises(
            PeerRelationError, match=r"'cluster'; add .*\n  peers:\n    cluster:\n"
        ):
            BaseCoordinator(c, relation='cluster')

    application(charm(lambda *_: None, emit=emit)).hook(0, 'config_changed')
