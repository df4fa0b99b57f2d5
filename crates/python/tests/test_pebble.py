"""Kubernetes: services in a container, restarted through Pebble."""

import pytest
from conftest import charm
from ops import pebble, testing
from ops_coordinator import ServiceRestartError

LAYER = pebble.Layer({'services': {'web': {'override': 'replace', 'command': '/web'}}})


def container(**options):
    return testing.Container(
        'work',
        layers={'base': LAYER},
        service_statuses={'web': pebble.ServiceStatus.ACTIVE},
        **{'can_connect': True, **options},
    )


def deployed(application, handler, **options):
    return application(
        charm(handler), meta={'containers': {'work': {}}}, containers=[container(**options)]
    )


@pytest.mark.parametrize('by_name', [False, True])
def test_a_service_in_a_container_restarts_in_its_turn(
    application, services, monkeypatch, by_name
):
    restarted = []
    monkeypatch.setattr(
        'ops.model.Container.restart', lambda self, name: restarted.append((self.name, name))
    )

    def handler(c, event):
        work = 'work' if by_name else c.unit.get_container('work')
        if not event.restart(container=work):
            event.defer()

    app = deployed(application, handler)
    app.hook(0, 'config_changed')
    assert restarted == []
    app.hook(0)
    assert restarted == [('work', 'web')]
    assert services.restarted == [], 'nothing of it is asked of systemd'


def failing(application, **options):
    def handler(c, event):
        if not event.restart(container='work'):
            event.defer()

    app = deployed(application, handler, **options)
    app.hook(0, 'config_changed')
    return app


def test_the_stand_in_of_ops_testing_restarts_it_too(application):
    app = failing(application)
    app.hook(0)
    assert app.units[0].deferred == []


def test_a_change_that_fails_is_told_with_its_log(application, monkeypatch):
    def restart(self, name):
        task = pebble.Task(
            id=pebble.TaskID('1'),
            kind='start',
            summary='',
            status='Error',
            log=['exited: 1'],
            progress=pebble.TaskProgress('', 0, 1),
            spawn_time=None,
            ready_time=None,
        )
        change = pebble.Change(
            id=pebble.ChangeID('1'),
            kind='restart',
            summary='',
            status='Error',
            tasks=[task],
            ready=True,
            err=None,
            spawn_time=None,
            ready_time=None,
        )
        raise pebble.ChangeError('cannot perform the following tasks:\n- start', change)

    app = failing(application)
    monkeypatch.setattr('ops.model.Container.restart', restart)
    error = app.failing_hook(0)
    assert isinstance(error, ServiceRestartError)
    assert (error.unit, error.service) == ('app/0', 'web')
    assert error.found == 'cannot perform the following tasks:'
    assert error.log == ('exited: 1',)


def test_a_service_that_is_not_running_after_the_restart_is_never_a_success(
    application, monkeypatch
):
    monkeypatch.setattr('ops.model.Container.restart', lambda self, name: None)
    app = failing(application)
    app.containers = [
        testing.Container(
            'work',
            can_connect=True,
            layers={'base': LAYER},
            service_statuses={'web': pebble.ServiceStatus.INACTIVE},
        )
    ]
    error = app.failing_hook(0)
    assert isinstance(error, ServiceRestartError)
    assert error.found == 'it is inactive after the restart'


def test_a_container_that_is_not_up_is_told(application):
    app = failing(application, can_connect=False)
    error = app.failing_hook(0)
    assert isinstance(error, ServiceRestartError)
    assert error.service == 'web'
