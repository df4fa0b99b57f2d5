"""A real etcd, with client certificates if need be."""

import datetime
import ipaddress
import os
import socket
import subprocess

from observing import until

DAY = datetime.timedelta(days=1)


class Etcd:
    """A server of etcd that can be killed and started again."""

    def __init__(self, directory, certificates=None):
        self._directory, self.certificates = directory, certificates
        sockets = [socket.socket() for _ in range(2)]
        for one in sockets:
            one.bind(('127.0.0.1', 0))
        client, peer = (s.getsockname()[1] for s in sockets)
        for one in sockets:
            one.close()
        self.address = f'127.0.0.1:{client}'
        self.endpoint = f'{"https" if certificates else "http"}://{self.address}'
        self._peer = f'http://127.0.0.1:{peer}'
        self.start()

    def start(self):
        """Start it, with what it knew before."""
        command = ['etcd', '--name', 'one', '--data-dir', self._directory / 'data']
        for option in ('listen-client-urls', 'advertise-client-urls'):
            command += [f'--{option}', self.endpoint]
        for option in ('listen-peer-urls', 'initial-advertise-peer-urls'):
            command += [f'--{option}', self._peer]
        command += ['--initial-cluster', f'one={self._peer}']
        if made := self.certificates:
            command += ['--client-cert-auth', '--trusted-ca-file', made / 'ca.pem']
            command += ['--cert-file', made / 'server.pem', '--key-file', made / 'server.key']
        with (self._directory / 'etcd.log').open('ab') as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        port = int(self.endpoint.rpartition(':')[2])
        until('etcd answers', lambda: listens(port))

    def kill(self):
        """Kill it."""
        self._process.kill()
        self._process.wait()

    def ctl(self, *words, check=True):
        """Do something as its administrator."""
        command = ['etcdctl', '--endpoints', self.endpoint]
        if made := self.certificates:
            command += ['--cacert', made / 'server-ca.pem']
            command += ['--cert', made / 'root.pem', '--key', made / 'root.key']
        env = dict(os.environ, ETCDCTL_API='3')
        done = subprocess.run([*command, *words], env=env, capture_output=True, text=True)
        assert not check or done.returncode == 0, f'{words}: {done}'
        return done.stdout

    def tickets(self):
        """The tickets in all lines."""
        return self.ctl('get', '--prefix', '--keys-only', '').split()

    def let_in(self, user, prefix, certificate):
        """Do what the etcd charm does when somebody asks for access.

        That is a user by the name in the certificate, a role for the prefix, and a server that is
        started anew with one more authority.
        """
        known = self.ctl('user', 'list').split()
        for name in {'root', user} - set(known):
            self.ctl('user', 'add', name, '--no-password')
            self.ctl('role', 'add', name, check=False)
            self.ctl('user', 'grant-role', name, name)
        self.ctl('role', 'grant-permission', user, 'readwrite', '--prefix=true', prefix)
        self.ctl('auth', 'enable')
        with (self.certificates / 'ca.pem').open('a') as trusted:
            trusted.write(f'{certificate.strip()}\n')
        self.kill()
        self.start()


def listens(port):
    """Tell whether somebody listens at a port."""
    with socket.socket() as probe:
        return probe.connect_ex(('127.0.0.1', port)) == 0


def make_certificates(directory):
    """Make an authority, and what it signs: a server's certificate, and one of the user `root`."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    def name(text):
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    def sign(subject, issuer, key, by, *, is_ca):
        now = datetime.datetime.now(datetime.timezone.utc)
        made = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer))
        made = made.public_key(key.public_key()).serial_number(x509.random_serial_number())
        made = made.not_valid_before(now - DAY).not_valid_after(now + DAY)
        made = made.add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        address = x509.IPAddress(ipaddress.ip_address('127.0.0.1'))
        made = made.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        return made.sign(by, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    authority = ec.generate_private_key(ec.SECP256R1())
    pem = sign('ca', 'ca', authority, authority, is_ca=True)
    # The servers trust more as time goes by.
    for file in ('ca.pem', 'server-ca.pem'):
        (directory / file).write_bytes(pem)
    for subject in ('server', 'root'):
        key = ec.generate_private_key(ec.SECP256R1())
        made = sign(subject, 'ca', key, authority, is_ca=False)
        (directory / f'{subject}.pem').write_bytes(made)
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        plain = key.private_bytes(encoding, form, serialization.NoEncryption())
        (directory / f'{subject}.key').write_bytes(plain)
    return directory
