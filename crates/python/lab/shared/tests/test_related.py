"""Applications that come into etcd by a relation: stand-ins for its hook tools, a real etcd."""

import sys
from pathlib import Path

import pytest
from observing import never_two, roll, state, until
from servers import Etcd, make_certificates

HERE = Path(__file__).parents[1]
CHANGED = (
    'JUJU_DISPATCH_PATH=hooks/etcd-relation-changed JUJU_HOOK_NAME=etcd-relation-changed '
    'JUJU_RELATION=etcd JUJU_RELATION_ID=etcd:9 JUJU_REMOTE_APP=charmed-etcd ./dispatch'
)

sys.path.insert(0, str(HERE))

from stand_in import Provider  # noqa: E402


@pytest.fixture
def etcd(tmp_path):
    """A server that knows its users by their certificates."""
    (tmp_path / 'etcd').mkdir()
    (tmp_path / 'certificates').mkdir()
    server = Etcd(tmp_path / 'etcd', make_certificates(tmp_path / 'certificates'))
    yield server
    server.kill()


def shell_of_the_documentation():
    """What docs/etcd.md has for a hook in shell."""
    text = (HERE.parents[3] / 'docs' / 'etcd.md').read_text()
    (_, _, rest) = text.partition("the unit's files say the rest:")
    (_, _, rest) = rest.partition('```sh\n')
    return rest.partition('```')[0].replace('./leave-cluster', 'touch left')


def common_name(pem):
    """The user whom etcd sees in a certificate."""
    from cryptography import x509

    made = x509.load_pem_x509_certificate(pem.encode())
    (name,) = made.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return name.value


def let_in(etcd, provider):
    """Do what the etcd charm does once an application has asked."""
    uri = until('the leader asks', lambda: provider.asked('secret-mtls'))
    certificate = provider.secret(uri)['mtls-cert']
    etcd.let_in(common_name(certificate), provider.asked('prefix'), certificate)
    authority = (etcd.certificates / 'server-ca.pem').read_text()
    provider.grants('tls', {'tls': 'True', 'tls-ca': authority})
    provider.says({'endpoints': etcd.address, 'secret-tls': 'secret:tls', 'version': '3.6.5'})


@pytest.mark.parametrize(
    ('charm', 'units', 'options', 'prefix'),
    [
        ('shared', 2, {'relation': True, 'patience': '1m'}, 'ops-coordinator/'),
        ('managed', 1, {}, '/ops-coordinator/cluster/'),
    ],
)
def test_operations_and_teardowns_of_two_applications_take_turns(
    etcd, application, log, tmp_path, charm, units, options, prefix
):
    providers = [Provider(tmp_path / f'provider-{number}') for number in range(2)]
    place = HERE.parent / charm
    labs = [
        application('', number, charm=place, prepare=one.answers, seed=number, **options)
        for number, one in zip((units, 1), providers, strict=True)
    ]
    for provider in providers:
        let_in(etcd, provider)
        assert provider.asked('prefix') == prefix
    for lab, number in zip(labs, (units, 1), strict=True):
        lab.wait_idle()
        for unit in range(number):
            lab.exec(unit, CHANGED)
            assert (state(lab, unit) / 'etcd-client-etcd.key').stat().st_mode & 0o777 == 0o600
    if charm == 'shared':
        command = shell_of_the_documentation()
        labs[0].exec(1, f'PATH=lib/ops_coordinator_etcd:$PATH\n{command}')
        assert (state(labs[0], 1).parent / 'left').exists()
    roll(labs)
    until('one is inside', log)
    # The last hooks of a unit come when its relation with etcd is gone.
    labs[0].remove_unit(units - 1)
    labs[1].remove_unit(0)
    until('both are gone', lambda: sum(len(lab.status().units) for lab in labs) == units - 1)
    for lab in labs:
        lab.wait_idle()
    assert 'own lock' not in log()
    never_two(log())
    assert {line.split()[1] for line in log()} == {'b-0', *(f'a-{unit}' for unit in range(units))}
    # Those who leave hold it last of all in their last hook but one.
    assert all(int(line.split()[2]) for line in log()), 'with the lock in etcd'
    until('the line is empty', lambda: etcd.tickets() == [])


def test_without_a_relation_a_manager_takes_the_lock_of_the_charm(application, log):
    lab = application('', 1, charm=HERE.parent / 'managed', message='x')
    until('it has run', lambda: len(log()) == 2)
    lab.wait_idle()
    lab.remove_unit(0)
    until('it is gone', lambda: not lab.status().units)
    assert log() == ['+ a-0 0', '- a-0 0', 'own lock', '+ a-0 0', '- a-0 0']
