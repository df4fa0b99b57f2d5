"""Packs the example charm with charmcraft, by the recipes that docs/packing.md has.

charmcraft packs on Ubuntu only. So it runs in a mount namespace in which this machine calls itself
Ubuntu. It is charmcraft's own `pack`, with its own steps and the machine's own Python.
"""

import os
import pathlib
import re
import shutil
import subprocess

PROJECT = pathlib.Path(__file__).resolve().parents[3]
CHARM = PROJECT / 'charms' / 'python'
DOCUMENT = PROJECT / 'docs' / 'packing.md'
PLUGINS = ('uv', 'charm', 'python', 'poetry')

PYTHON = pathlib.Path('/usr/bin/python3')
"""The Python that the charm gets, and charmcraft runs on: python-apt is only made for this one."""
PATH = '/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin'
KEPT = ('HOME', 'LANG', 'SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE', 'https_proxy', 'no_proxy')
"""What charmcraft gets to see of the environment: how this machine reaches the network."""
NAMESPACE = (
    'mount --bind "$1" "$(realpath /etc/os-release)" && mount --bind "$2" "$3" && '
    'shift 3 && exec "$@"'
)
UBUNTU = """\
NAME="Ubuntu"
ID=ubuntu
ID_LIKE=debian
VERSION_ID="22.04"
VERSION_CODENAME=jammy
"""
CHARMCRAFT = """\
type: charm
base: ubuntu@22.04
platforms:
  {}:
"""
POETRY_INDEX = """
[[tool.poetry.source]]
name = "local"
url = "{}"
priority = "primary"
"""
UV_INDEX = """
[[tool.uv.index]]
url = "{}"
"""


class PackingError(Exception):
    """A charm that could not be packed."""


def recipe(plugin):
    """A recipe in the document: the text of each file, by its language."""
    section = re.search(rf'^## {plugin}$(.*?)^## ', DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    if section is None:
        raise PackingError(f'{DOCUMENT} has no section {plugin}')
    return dict(re.findall(r'^```(\w+)\n(.*?)^```$', section[1], re.MULTILINE | re.DOTALL))


def tools(home, requirements):
    """Bring charmcraft and the plugins' tools into an environment; gives their directory."""
    programs, stamp = home / 'programs', home / 'made-for.txt'
    pins = requirements.read_text()
    if not stamp.exists() or stamp.read_text() != pins:
        run(PYTHON, '-m', 'venv', '--clear', home)
        run(home / 'bin' / 'pip', 'install', '-q', '-r', requirements)
        where = 'import apt, apt_pkg; print(apt.__path__[0]); print(apt_pkg.__file__)'
        site = next(home.glob('lib/python3.*/site-packages'))
        for found in run(PYTHON, '-c', where).split():  # It is not on the index.
            (site / pathlib.Path(found).name).symlink_to(found)
        # Without the environment's own `python3`, which the plugins would take.
        programs.mkdir()
        for name in ('charmcraft', 'poetry', 'uv'):
            (programs / name).symlink_to(home / 'bin' / name)
        stamp.write_text(pins)
    return programs


def lay_out(plugin, place, index, *, only_wheels):
    """Make the charm's project, with the recipe's files in it."""
    shutil.copytree(CHARM, place, ignore=shutil.ignore_patterns('dispatch', 'tests', 'scenarios'))
    texts = recipe(plugin)
    if only_wheels:
        one, every = '--only-binary=ops-coordinator', '--only-binary=:all:'
        texts = {language: text.replace(one, every) for language, text in texts.items()}
    # The tools that come as snaps are there already.
    part = re.sub(r'^ +build-snaps: .*\n', '', texts['yaml'], flags=re.MULTILINE)
    architecture = run('dpkg', '--print-architecture').strip()
    (place / 'charmcraft.yaml').write_text(CHARMCRAFT.format(architecture) + part)
    if 'text' in texts:
        (place / 'requirements.txt').write_text(texts['text'])
    if 'toml' in texts:
        source = (POETRY_INDEX if plugin == 'poetry' else UV_INDEX).format(index)
        (place / 'pyproject.toml').write_text(texts['toml'] + source)


def pack(plugin, place, programs, index, *, only_wheels=False):
    """Pack the charm with one plugin; gives the directory that a unit would have."""
    project, settings = place / 'project', place / 'pip'
    lay_out(plugin, project, index, only_wheels=only_wheels)
    settings.mkdir()
    # In a file, because the plugin `charm` hides the environment from pip.
    (settings / 'pip.conf').write_text(f'[global]\nindex-url = {index}\n')
    (place / 'os-release').write_text(UBUNTU)
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    how = {'cwd': project, 'env': {**kept, 'PATH': f'{programs}:{PATH}'}}
    if plugin in ('uv', 'poetry'):
        run(programs / plugin, 'lock', **how)
    own_settings = pathlib.Path.home() / '.config' / 'pip'
    own_settings.mkdir(parents=True, exist_ok=True)
    inside = ('unshare', '--mount', 'sh', '-c', NAMESPACE, 'sh')
    inside += (place / 'os-release', settings, own_settings)
    run(*inside, programs / 'charmcraft', 'pack', '--destructive-mode', '--verbose', **how)
    (packed,) = project.glob('*.charm')
    run('unzip', '-q', packed, '-d', place / 'charm')
    # What charmcraft leaves of it, a file to source.
    shutil.rmtree(place / 'charm' / 'venv' / 'bin', ignore_errors=True)
    return place / 'charm'


def run(*command, **options):
    """Run a command; gives what it printed."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, encoding='utf-8', check=False, **options)
    if done.returncode:
        end = '\n'.join((done.stdout + done.stderr).splitlines()[-60:])
        raise PackingError(f'{" ".join(words)}: exit code {done.returncode}\n{end}')
    return done.stdout
