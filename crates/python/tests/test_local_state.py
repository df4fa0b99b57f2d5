"""The local state file, and what the original library left behind."""

import json

import ops
import pytest
from conftest import charm, restart_or_defer
from ops_coordinator import Serial

FILE = '.charmhelpers.coordinator.OpsCoordinator'
TIME = '2022-02-10 11:12:13.141516Z'


@pytest.fixture
def alone(application):
    """A unit without its peer relation."""
    app = application(charm(restart_or_defer))
    app.joined = False
    return app


def test_a_request_without_a_peer_relation_is_kept_in_a_file_of_its_owner(alone):
    alone.hook(0, 'config_changed')
    path = alone.root(0) / FILE
    assert list(json.loads(path.read_text())) == ['restart']
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.glob(f'{FILE}.*')) == [], 'nothing temporary is left'


def test_the_request_is_published_when_the_relation_is_there_and_the_file_goes(alone, services):
    alone.hook(0, 'config_changed')
    alone.joined = True
    alone.hook(0)
    assert '"seq":1' in alone.units[0].bag['ops-coordinator']
    assert not (alone.root(0) / FILE).exists()
    alone.hook(0)
    assert services.restarted == ['web']
    alone.hook(0)
    assert services.restarted == ['web']


def test_without_requests_there_is_no_file(alone):
    alone.hook(0)
    assert not (alone.root(0) / FILE).exists()


def test_a_file_of_the_original_library_becomes_a_request_with_its_time(alone):
    (alone.root(0) / FILE).write_text(json.dumps({'restart': TIME}))
    alone.hook(0, 'config_changed')
    assert json.loads((alone.root(0) / FILE).read_text()) == {'restart': TIME}
    alone.joined = True
    alone.hook(0)
    assert '"seq":1' in alone.units[0].bag['ops-coordinator']


@pytest.mark.parametrize('content', ['', '{', '[]', '{"restart": 1}', 'null', '\udcff'])
def test_a_file_that_makes_no_sense_is_set_aside_with_a_warning(alone, content):
    path = alone.root(0) / FILE
    path.write_text(content, errors='surrogateescape')
    context = alone.hook(0)
    aside = path.with_name(f'{FILE}.unreadable')
    assert not path.exists()
    assert aside.read_text(errors='surrogateescape') == content
    assert any(f'to {aside}: ' in log.message for log in context.juju_log)


def test_a_request_in_the_databag_of_the_original_library_becomes_a_ticket(application, services):
    app = application(charm(restart_or_defer), units=2)
    app.units[1].bag['coordinator'] = json.dumps({'restart': TIME})
    app.hook(1)
    assert 'coordinator' not in app.units[1].bag
    assert '"seq":1' in app.units[1].bag['ops-coordinator']
    app.hook(1)
    assert '"seq":1' in app.units[1].bag['ops-coordinator'], 'once is enough'


def test_a_databag_key_that_is_not_of_the_original_library_is_told_in_the_log(application):
    app = application(charm(restart_or_defer))
    app.units[0].bag['coordinator'] = 'mine'
    context = app.hook(0)
    assert any("the databag key 'coordinator'" in log.message for log in context.juju_log)
    assert app.units[0].bag['coordinator'] == 'mine', "it may be somebody else's"


def grants(monkeypatch, grants):
    """Let the leader's settings hold these grants of the original library."""
    monkeypatch.setattr('ops_coordinator._original.Original._grants', lambda _: grants)


def test_the_line_stays_closed_while_a_unit_holds_an_old_grant(application, monkeypatch):
    app = application(charm(restart_or_defer), units=3)
    app.hook(1, 'config_changed')
    app.units[2].bag['coordinator'] = json.dumps({'restart': TIME})
    grants(monkeypatch, {'app/2': {'restart': TIME}})
    app.hook(0)
    assert 'ops-coordinator' not in app.app_bag
    # The old code releases at the end of the hook in which it restarts.
    app.units[2].bag['coordinator'] = '{}'
    app.hook(0)
    assert '"app/1"' in app.app_bag['ops-coordinator']


def test_an_old_grant_that_was_released_closes_nothing(application, monkeypatch):
    app = application(charm(restart_or_defer), units=3)
    app.hook(1, 'config_changed')
    app.units[2].bag['coordinator'] = json.dumps({'restart': TIME})
    grants(monkeypatch, {'app/2': {'restart': '2022-02-10 00:00:00.000000Z'}, 'app/1': {}})
    app.hook(0)
    assert '"app/1"' in app.app_bag['ops-coordinator']


def test_the_originals_file_is_ignored_where_the_databag_has_its_key(application, services):
    """The original leaves its file behind once it has joined: a stale one is no request."""
    app = application(charm(restart_or_defer))
    path = app.root(0) / FILE
    path.write_text(json.dumps({'restart': TIME}))
    app.units[0].bag['coordinator'] = '{}'
    app.hook(0, 'upgrade_charm')
    assert 'ops-coordinator' not in app.units[0].bag
    assert 'coordinator' not in app.units[0].bag
    assert not path.exists()


def locks(step):
    """A charm with locks of its own, that does one step in each hook."""

    class Charm(ops.CharmBase):
        def __init__(self, framework):
            super().__init__(framework)
            self.locks = Serial(self)
            framework.observe(self.on.update_status, self._step)

        def _step(self, _):
            step(self)

    return Charm


@pytest.mark.parametrize('joined', [True, False])
def test_a_lock_of_the_original_is_carried_on_whatever_its_name(application, joined):
    seen = []

    def step(c):
        seen.append((c.locks.requested('Rolling Restart'), c.locks.acquire('Rolling Restart')))

    app = application(locks(step))
    requests = json.dumps({'Rolling Restart': TIME, '': TIME})
    app.joined = joined
    if joined:
        app.units[0].bag['coordinator'] = requests
    else:
        (app.root(0) / '.charmhelpers.coordinator.Serial').write_text(requests)
    context = app.hook(0)
    warnings = [log.message for log in context.juju_log if log.level == 'WARNING']
    assert warnings == ["ignoring a leftover request: invalid lock name '': it is empty"]
    app.joined = True
    for _ in range(2):
        context = app.hook(0)
    assert seen[0] == (True, False)
    assert (True, True) in seen
    assert not [log for log in context.juju_log if log.level == 'WARNING']


def test_the_local_file_has_the_names_that_the_charm_uses(application):
    app = application(locks(lambda c: c.locks.acquire('Rolling Restart')))
    app.joined = False
    app.hook(0)
    kept = json.loads((app.root(0) / '.charmhelpers.coordinator.Serial').read_text())
    assert list(kept) == ['Rolling Restart']


def test_an_old_grant_closes_the_line_of_a_lock_whatever_its_name(application, monkeypatch):
    app = application(locks(lambda c: c.locks.acquire('Rolling Restart')), units=3)
    app.hook(1)
    app.units[2].bag['coordinator'] = json.dumps({'Rolling Restart': TIME})
    grants(monkeypatch, {'app/2': {'Rolling Restart': TIME}})
    app.hook(0)
    assert '"app/1"' not in app.app_bag.get('ops-coordinator', '')
    app.units[2].bag['coordinator'] = '{}'
    app.hook(0)
    assert '"app/1"' in app.app_bag['ops-coordinator']
