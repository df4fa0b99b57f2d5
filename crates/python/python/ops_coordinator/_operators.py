"""Operators' actions, ready-made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import ops

from ._error import CoordinatorError, brief

if TYPE_CHECKING:
    from ._coordinator import BaseCoordinator
    from ._turns import Turns

_KEPT = '_ops_coordinator_operators'
_ACTIONS = ('roll', 'abort', 'pause', 'resume', 'retry', 'skip', 'cancel', 'plan', 'status')


class Operators(ops.Object):
    """Handlers for operators' actions.

    They are roll, abort, pause, resume, retry, skip, cancel, plan and status.

    One line at the end of the charm's `__init__`::

        Operators(self, self.coordinator)

    Of these actions, it handles those that `charmcraft.yaml` declares; `docs/operating.md` has
    the declarations. The result is in `result`; a refusal fails the action and gives the reason.

    `roll` has every unit restart the `services` of its `OpsCoordinator`, or run the operation of
    its `Turns` without arguments; if there are several, the action's `operation` names one.

    Args:
        charm: The charm.
        coordinator: The coordinator of the locks, or the charm's `Turns` for one.
        others: The charm's other `Turns`.
        lock: The lock if an action names none. By default that of the `Turns`, or `restart`.
    """

    def __init__(
        self,
        charm: ops.CharmBase,
        coordinator: BaseCoordinator | Turns,
        *others: Turns,
        lock: str | None = None,
    ):
        super().__init__(charm, 'ops-coordinator-operators')
        self._coordinator = coordinator
        turns: tuple[Any, ...] = (coordinator, *others)
        self._turns: dict[str, Turns] = {
            one.lock: one for one in turns if hasattr(one, 'request_with')
        }
        self._lock = lock or next(iter(self._turns), 'restart')
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

        if action == 'status':
            return self._coordinator.status_table()
        lock = text('lock') or self._lock
        if action == 'plan':
            return json.dumps(self._at(lock).plan(*self._name(lock)))
        if action == 'roll':
            return self._roll(lock, text('operation'), text('reason') or 'by an operator')
        about = text('unit')
        if action == 'pause':
            about = text('reason') or 'by an operator'
        if action == 'cancel' and event.params.get('force'):
            action = 'force'
        return self._at(lock).instruct(*self._name(lock), action, about)

    def _roll(self, lock: str, operation: str, reason: str) -> str:
        rolls = self._at(lock)
        if self._turns:
            known = rolls.operations
            if operation not in known and (operation or len(known) != 1):
                raise CoordinatorError(f'say which operation to run: {", ".join(known)}')
            rolls.roll(operation or known[0], reason=reason)
        elif lock == getattr(rolls, 'lock', None):
            rolls.roll(reason=reason)
        else:
            raise CoordinatorError(
                f'the charm does not say what to do for the lock {brief(lock)} on all units'
            )
        return f'a roll of all units begins: {reason}'

    def _at(self, lock: str) -> Any:
        if not self._turns:
            return self._coordinator
        if lock not in self._turns:
            known = ', '.join(sorted(self._turns))
            raise CoordinatorError(f'there is no lock {brief(lock)} here, but {known}')
        return self._turns[lock]

    def _name(self, lock: str) -> tuple[str, ...]:
        # Turns are about one lock, and a coordinator is about many.
        return () if self._turns else (lock,)
