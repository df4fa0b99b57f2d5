"""Operators' actions, ready-made."""

from __future__ import annotations

import json

import ops

from ._coordinator import BaseCoordinator
from ._error import CoordinatorError

_KEPT = '_ops_coordinator_operators'
_ACTIONS = ('pause', 'resume', 'retry', 'skip', 'cancel', 'plan')


class Operators(ops.Object):
    """Handlers for operators' actions: pause, resume, retry, skip, cancel and plan.

    One line at the end of the charm's `__init__`::

        Operators(self, self.coordinator)

    Of these actions, it handles those that `charmcraft.yaml` declares; `docs/operating.md` has
    the declarations. The result is in `result`; a refusal fails the action and gives the reason.

    Args:
        charm: The charm.
        coordinator: The coordinator of the locks.
        lock: The lock if an action names none.
    """

    def __init__(
        self, charm: ops.CharmBase, coordinator: BaseCoordinator, *, lock: str = 'restart'
    ):
        super().__init__(charm, 'ops-coordinator-operators')
        self._coordinator = coordinator
        self._lock = lock
        # The framework holds its observers weakly, and the charm need not keep this one.
        charm.framework.__dict__[_KEPT] = self
        for name in _ACTIONS:
            if name in charm.meta.actions:
                self.framework.observe(charm.on[name].action, self._on_action)

    def _on_action(self, event: ops.ActionEvent) -> None:
        name = event.handle.kind.removesuffix('_action')
        try:
            event.set_results({'result': self._answer(name, event)})
        except CoordinatorError as error:
            event.fail(str(error))

    def _answer(self, action: str, event: ops.ActionEvent) -> str:
        def text(param: str) -> str:
            return str(event.params.get(param) or '')

        lock = text('lock') or self._lock
        if action == 'plan':
            return json.dumps(self._coordinator.plan(lock))
        if action == 'pause':
            about = text('reason') or 'by an operator'
            return self._coordinator.instruct(lock, action, about)
        if action == 'cancel' and event.params.get('force'):
            action = 'force'
        return self._coordinator.instruct(lock, action, text('unit'))
