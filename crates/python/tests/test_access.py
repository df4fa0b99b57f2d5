"""Access to the etcd to which a relation leads."""

import dataclasses
import json

import ops
import pytest
from conftest import record
from ops import testing
from ops_coordinator import Policy, SharedLock, _dispatch, _guard
from rolling import needs_theirs
from turning import turning

POLICY = Policy(limit=2, shared=SharedLock('db-restart', relation='etcd'))
META = {'requires': {'etcd': {'interface': 'etcd_client'}}}
COMMAND = """#!/bin/sh
[ "$1" = certificate ] && echo "{\\"certificate\\": \\"PEM of $2\\", \\"key\\": \\"KEY\\"}"
"""


@pytest.fixture
def related(application, tmp_path, monkeypatch):
    """Two units of an application with a relation to etcd, in hooks as of Juju's."""
    command = tmp_path / 'command'
    command.write_text(COMMAND)
    command.chmod(0o755)
    monkeypatch.setattr(_guard, 'said_by_test', lambda name: None)
    monkeypatch.setattr(_guard, '_in_juju', lambda: True)
    real = _dispatch.Hook

    def hook(*args, **options):
        return real(*args, **{**options, 'deputy': lambda: str(command)})

    monkeypatch.setattr(_dispatch, 'Hook', hook)
    app = application(turning(policy=POLICY), 2, meta=META)
    app.others = [testing.Relation('etcd', id=9, remote_app_name='charmed-etcd')]
    return app


def test_the_leader_asks_and_keeps_the_key_from_etcd(related):
    related.hook(0)
    asked = dict(related.others[0].local_app_data)
    assert asked['prefix'] == 'ops-coordinator/'
    assert json.loads(asked['provided-secrets']) == ['mtls-cert']
    secrets = {secret.id: secret for secret in related.secrets}
    granted = secrets[asked['secret-mtls']]
    assert list(granted.latest_content) == ['mtls-cert']
    assert granted.latest_content['mtls-cert'].startswith('PEM of app-9-')
    assert granted.remote_grants == {9: {'charmed-etcd'}}
    own = secrets[asked['ops-coordinator-secret']]
    assert own.latest_content['key'] == 'KEY'
    assert own.remote_grants == {}
    before = [dict(asked), len(related.secrets)]
    related.hook(0)
    assert [dict(related.others[0].local_app_data), len(related.secrets)] == before


def test_a_unit_has_what_the_leader_has_made_and_finds_etcd(related):
    related.hook(1, 'config_changed')
    related.hook(0)
    related.hook(1)
    assert record(related, 1)['held'] == 'trouble with etcd, db-restart'
    files = related.root(1) / '.ops-coordinator'
    assert (files / 'etcd-client-etcd.key').read_text() == 'KEY'
    assert (files / 'etcd-client-etcd.key').stat().st_mode & 0o777 == 0o600
    tls = testing.Secret({'tls': 'True', 'tls-ca': 'AUTHORITY'})
    related.secrets.append(tls)
    said = {'endpoints': '10.0.0.1:2379,10.0.0.2:2379', 'secret-tls': tls.id}
    related.others = [dataclasses.replace(related.others[0], remote_app_data=said)]
    related.hook(1)
    wish = json.loads((files / 'coordinator' / 'shared.json').read_text())
    lock = wish['locks']['restart']['lock']
    assert lock['endpoints'] == ['10.0.0.1:2379', '10.0.0.2:2379']
    assert lock['cert'] == str(files / 'etcd-client-etcd.pem')
    assert (files / 'etcd-ca-etcd.pem').read_text() == 'AUTHORITY'


def test_in_a_test_of_the_charm_nobody_asks(application, caplog):
    app = application(turning(policy=POLICY), meta=META)
    app.others = [testing.Relation('etcd', id=9, remote_app_name='charmed-etcd')]
    app.hook(0, 'config_changed')
    app.hook(0)
    assert app.charm_type.ran == [('app/0', 'restart', {})]
    assert dict(app.others[0].local_app_data) == {}
    assert 'no access to etcd' not in caplog.text


# -- the library with which today's etcd charm reads the relation


def answered(relation, secrets):
    """What etcd's library makes of the relation: the requests, and what it says and grants."""
    from dpcharmlibs.interfaces import (
        RequirerCommonModel,
        ResourceProviderEventHandler,
        ResourceProviderModel,
    )

    requests = []

    class Etcd(ops.CharmBase):
        def __init__(self, framework):
            super().__init__(framework)
            self.clients = ResourceProviderEventHandler(
                self, 'clients', RequirerCommonModel, mtls_enabled=True, bulk_event=True
            )
            framework.observe(self.clients.on.mtls_cert_updated, self._on_mtls_cert_updated)

        def _on_mtls_cert_updated(self, event):
            asked = event.request
            requests.append((asked.resource, asked.mtls_cert))
            answer = ResourceProviderModel(
                username='app',
                request_id=asked.request_id,
                resource=asked.resource,
                salt=asked.salt,
                endpoints='10.0.0.1:2379',
                tls_ca='AUTHORITY',
            )
            self.clients.set_response(event.relation.id, answer)

    meta = {'name': 'charmed-etcd', 'provides': {'clients': {'interface': 'etcd_client'}}}
    context = testing.Context(Etcd, meta=meta)
    theirs = testing.Relation(
        'clients',
        id=relation.id,
        remote_app_name='app',
        remote_app_data=relation.local_app_data,
        remote_model_uuid=relation.remote_model_uuid,
    )
    granted = [s for s in secrets if relation.id in s.remote_grants]
    granted = [dataclasses.replace(s, owner=None, remote_grants={}) for s in granted]
    state = testing.State(leader=True, relations=[theirs], secrets=granted)
    out = context.run(context.on.relation_changed(theirs, remote_unit=0), state)
    own = [s for s in out.secrets if relation.id in s.remote_grants]
    said = dict(out.get_relation(relation.id).local_app_data)
    return requests, said, [dataclasses.replace(s, owner=None, remote_grants={}) for s in own]


@needs_theirs
@pytest.mark.parametrize('model', [None, '00000000-1bad-500d-9000-4b1d0d06f00d'])
def test_the_library_of_the_etcd_charm_understands_what_is_asked(related, model):
    related.others = [dataclasses.replace(related.others[0], remote_model_uuid=model)]
    related.hook(1, 'config_changed')
    related.hook(0)
    related.hook(1)
    requests, said, secrets = answered(related.others[0], related.secrets)
    [(prefix, certificate)] = requests
    assert prefix == 'ops-coordinator/'
    assert certificate.startswith('PEM of app-9-')
    related.others = [dataclasses.replace(related.others[0], remote_app_data=said)]
    related.secrets += secrets
    related.hook(1)
    files = related.root(1) / '.ops-coordinator'
    wish = json.loads((files / 'coordinator' / 'shared.json').read_text())
    assert wish['locks']['restart']['lock']['endpoints'] == ['10.0.0.1:2379']
    assert (files / 'etcd-ca-etcd.pem').read_text() == 'AUTHORITY'
