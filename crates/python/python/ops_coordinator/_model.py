"""Hook tools, answered from the model of `ops`.

This way, nothing that the charm has already read is read again, and tests need no hook tools.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import ops

from ._machine import machine


class Model:
    """Answers the few hook tools that the coordination calls."""

    def __init__(self, charm: ops.CharmBase, endpoint: str):
        self._model = charm.model
        self._endpoint = endpoint
        self._fresh_lines: set[int] = set()
        self._added: dict[str, ops.Secret] = {}

    def __call__(self, tool: str, args: list[str], stdin: str | None) -> tuple[int, str, str]:
        """Return the tool's exit code, standard output and standard error."""
        try:
            answer = self._answer(tool, args, stdin)
            return 0, answer if tool == 'secret-add' else json.dumps(answer), ''
        except ops.RelationNotFoundError:
            return 2, '', 'relation not found'
        except (ops.ModelError, OSError) as error:
            return 1, '', str(error)

    def _answer(self, tool: str, args: list[str], stdin: str | None) -> Any:
        if tool == 'is-leader':
            return self._model.unit.is_leader()
        if tool == 'relation-ids':
            endpoint = args[-1]
            return [f'{endpoint}:{r.id}' for r in self._model.relations[endpoint]]
        if tool == 'goal-state':
            return self._goal_state()
        if tool == 'secret-get':
            secret = self._model.get_secret(id=args[-1])
            return secret.get_content(refresh='--refresh' in args)
        if tool == 'secret-add':
            return self._add_secret(args)
        relation = self._relation(args[args.index('-r') + 1])
        if tool == 'secret-grant':
            return self._added[args[-1]].grant(relation)
        if tool == 'relation-model-get':
            return {'uuid': relation.remote_model.uuid}
        if tool == 'relation-list':
            if '--app' in args:
                return relation.app.name if relation.app else None
            return sorted(unit.name for unit in relation.units if unit != self._model.unit)
        if tool == 'relation-get' and args[-2] == '-':
            return self._get_all(relation, application=args[-1])
        if tool == 'relation-get':
            return self._get(relation, key=args[-2], owner=args[-1], app='--app' in args)
        if tool == 'relation-set':
            owner = self._model.app if '--app' in args else self._model.unit
            relation.data[owner].update(json.loads(stdin or '{}'))
            return None
        raise OSError(f'{tool} is not supported here')

    def _relation(self, relation_id: str) -> ops.Relation:
        endpoint, _, number = relation_id.rpartition(':')
        for relation in self._model.relations[endpoint]:
            if relation.id == int(number):
                return relation
        raise ops.RelationNotFoundError

    def _get(self, relation: ops.Relation, *, key: str, owner: str, app: bool) -> str | None:
        if app:
            content = relation.data[self._model.app]
            if relation.id not in self._fresh_lines:
                # The charm may have read it before this unit was known to lead; a line older than
                # that answer must never be the base of a new one.
                content._invalidate()  # pyright: ignore[reportPrivateUsage]
                self._fresh_lines.add(relation.id)
            return content.get(key)
        if owner == self._model.unit.name:
            return relation.data[self._model.unit].get(key)
        for unit in relation.units:
            if unit.name == owner:
                return relation.data[unit].get(key)
        # A unit that has left: Juju still has its databag, `ops` does not.
        backend = self._model._backend  # pyright: ignore[reportPrivateUsage]
        return backend.relation_get(relation.id, owner, is_app=False).get(key)

    def _get_all(self, relation: ops.Relation, *, application: str) -> dict[str, str]:
        own = application == self._model.app.name
        app = self._model.app if own else relation.app
        return dict(relation.data[app]) if app else {}

    def _add_secret(self, args: list[str]) -> str:
        content: dict[str, str] = {}
        for arg in args:
            key, is_file, file = arg.partition('#file=')
            if is_file:
                content[key] = Path(file).read_text()
        secret = self._model.app.add_secret(content, label=args[args.index('--label') + 1])
        uri = secret.id or ''
        self._added[uri] = secret
        return uri

    def _goal_state(self) -> dict[str, Any]:
        if 'JUJU_CONTEXT_ID' in os.environ:
            command = ['goal-state', '--format=json']
            done = subprocess.run(command, capture_output=True, encoding='utf-8', check=False)
            if done.returncode:
                raise OSError(done.stderr.strip())
            return json.loads(done.stdout)
        # `ops` does not model the goal state. Outside Juju, in a test, the relation's units are
        # the application's, except those that the test has lost.
        peers = (unit.name for r in self._model.relations[self._endpoint] for unit in r.units)
        living = (name for name in peers if not machine().is_lost(name))
        return {'units': {name: {} for name in [self._model.unit.name, *living]}}
