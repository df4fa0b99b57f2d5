"""Hook tools that know a relation with the etcd charm, and secrets; the lab has neither.

`Provider` gives them to a charm. What is not about that relation or a secret, they leave to the
lab's tool of that name.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import secrets
import sys

ENDPOINT, NUMBER, REMOTE = 'etcd', '9', 'charmed-etcd'
TOOLS = ('relation-ids', 'relation-list', 'relation-get', 'relation-set', 'relation-model-get')
TOOLS += ('secret-get', 'secret-add', 'secret-grant', 'secret-info-get', 'secret-ids')
VALUED = ('-r', '--relation', '--file', '--label', '--owner', '--unit', '--description')
LAST = 'stop', 'remove'
"""The hooks of a unit that is removed in which its relations are gone."""
TOOL = """#!/bin/sh
case "${0##*/} $* $JUJU_RELATION_ID " in
  secret-* | *' etcd '* | *' 9 '* | *'etcd:9 '*)
    exec @PYTHON@ -SE @CODE@ @PLACE@ "${0##*/}" "$@" ;;
esac
PATH=${PATH#*:} exec "${0##*/}" "$@"
"""


class Provider:
    """The etcd charm at the other end of the relation of one application."""

    def __init__(self, directory):
        self._directory = directory
        (directory / 'secrets').mkdir(parents=True)
        (directory / 'data').mkdir()

    def answers(self, charm):
        """Give a charm hook tools that know it."""
        tools = charm / 'stand-in'
        tools.mkdir()
        code = TOOL.replace('@PYTHON@', sys.executable).replace('@CODE@', __file__)
        for name in TOOLS:
            (tools / name).write_text(code.replace('@PLACE@', str(self._directory)))
            (tools / name).chmod(0o755)
        dispatch = charm / 'dispatch'
        first, rest = dispatch.read_text().split('\n', 1)
        dispatch.write_text(f'{first}\nexport PATH=$PWD/stand-in:$PATH\n{rest}')

    def asked(self, key):
        """What the application has said under a key, None if it has not."""
        return read(self._directory / 'data' / 'app').get(key)

    def secret(self, uri):
        """The content of a secret of the application's."""
        return read(self._directory / 'secrets' / uri.removeprefix('secret:'))['content']

    def says(self, databag):
        """Say this to the application."""
        write(self._directory / 'data' / REMOTE, databag)

    def grants(self, name, content):
        """Let the application read a secret."""
        write(self._directory / 'secrets' / name, {'content': content, 'label': None})


def read(path):
    """What a file says."""
    with contextlib.suppress(FileNotFoundError):
        return json.loads(path.read_text())
    return {}


def write(path, content):
    """Let a file say something, for those who read it at any time."""
    new = path.with_name(f'.{path.name}-{os.getpid()}')
    new.write_text(json.dumps(content))
    new.rename(path)


class Call:
    """A call of a hook tool."""

    def __init__(self, tool, words):
        self.tool, self.given, self.options = tool, [], {}
        rest = iter(words)
        for word in rest:
            name, has_value, value = word.partition('=')
            if word.startswith('-') and word != '-':
                self.options[name] = value if has_value else name in VALUED and next(rest)
            else:
                self.given.append(word)

    @property
    def relation(self):
        """The number of the relation that it is about."""
        named = self.options.get('-r') or self.options.get('--relation')
        return (named or os.environ.get('JUJU_RELATION_ID', '')).rpartition(':')[2]

    def answer(self, place):
        """The answer as JSON would have it; `LookupError` if it is for the lab."""
        if self.tool == 'relation-ids':
            if self.given[:1] != [ENDPOINT]:
                raise LookupError
            hook = os.environ.get('JUJU_DISPATCH_PATH', '').rpartition('/')[2]
            return [] if hook in LAST else [f'{ENDPOINT}:{NUMBER}']
        if self.tool.startswith('secret-'):
            return self._secret(place / 'secrets')
        if self.relation != NUMBER:
            raise LookupError
        if self.tool == 'relation-list':
            return REMOTE if '--app' in self.options else [f'{REMOTE}/0']
        if self.tool == 'relation-model-get':
            return {'uuid': os.environ['JUJU_MODEL_UUID']}
        if self.tool == 'relation-set':
            said = json.loads(sys.stdin.read())
            file = place / 'data' / ('app' if '--app' in self.options else self._own)
            write(file, {**read(file), **{k: v for k, v in said.items() if v}})
            return None
        key, owner = self.given
        own = owner.partition('/')[0] == self._own.partition('-')[0]
        is_app = '--app' in self.options
        databag = read(place / 'data' / ('app' if own and is_app else owner.replace('/', '-')))
        return databag if key == '-' else databag.get(key)

    @property
    def _own(self):
        return os.environ['JUJU_UNIT_NAME'].replace('/', '-')

    def _secret(self, place):
        if self.tool == 'secret-add':
            name = secrets.token_hex(8)
            content = {}
            for pair in self.given:
                key, is_file, file = pair.partition('#file=')
                if is_file:
                    content[key] = pathlib.Path(file).read_text()
                else:
                    key, _, content[key] = pair.partition('=')
            write(place / name, {'content': content, 'label': self.options.get('--label')})
            return f'secret:{name}'
        if self.tool == 'secret-ids':
            return [file.name for file in place.iterdir()]
        if self.tool == 'secret-grant':
            return None
        file = self._file(place)
        if self.tool == 'secret-info-get':
            return {
                file.name: {'revision': 1, 'label': read(file)['label'], 'owner': 'application'}
            }
        content = read(file)['content']
        return content if not self.given[1:] else content[self.given[1]]

    def _file(self, place):
        if self.given:
            file = place / self.given[0].rpartition('/')[2].removeprefix('secret:')
            if file.exists():
                return file
        for file in place.iterdir():
            label = self.options.get('--label')
            if label and not file.name.startswith('.') and read(file)['label'] == label:
                return file
        sys.exit('ERROR secret not found')


def main(place, tool, *words):
    """Answer, or let the lab answer."""
    try:
        with (place / 'lock').open('w') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            answer = Call(tool, words).answer(place)
    except LookupError:
        os.environ['PATH'] = os.environ['PATH'].partition(os.pathsep)[2]
        os.execvp(tool, [tool, *words])
    if tool == 'secret-add':
        print(answer)
    elif answer is not None or tool == 'relation-get':
        print(json.dumps(answer))


if __name__ == '__main__':
    main(pathlib.Path(sys.argv[1]), *sys.argv[2:])
