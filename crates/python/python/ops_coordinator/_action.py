"""The action that a charm runs once its services have restarted."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from ._dispatch import Dispatch
from ._error import brief

logger = logging.getLogger(__name__)

Kept: TypeAlias = 'tuple[str, Sequence[Any], Mapping[str, Any]]'
"""A stored action: a method's name, its arguments, its keyword arguments."""


class SavedAction:
    """A function with its arguments, stored until it has run.

    The turn mostly comes in a later hook, which is another process. A method of the charm is found
    again there by its name; any other function is gone with its process.

    What the framework stores is on disk before Juju commits what the hook has written. If the
    agent dies in between, or Juju refuses the writes, the event is gone and what the action has
    published is lost. So the action is kept until a later dispatch finds this unit's record as
    this one left it.
    """

    def __init__(self, dispatch: Dispatch, coordinator: str):
        self._dispatch = dispatch
        # One coordinator keeps the key from when there was no other: a refresh loses no action.
        suffix = '' if coordinator == 'OpsCoordinator' else f'-{coordinator}'
        self._action_key, self._ran_key = f'action{suffix}', f'ran{suffix}'
        self._call: Callable[[], Any] | None = None
        self._result: tuple[Any] | None = None
        self._ran: Kept | None = None
        self._lost: Kept | None = None

    def begin(self) -> None:
        """Check whether the writes of an action in an earlier dispatch were committed."""
        kept = self._dispatch.recall(self._ran_key)
        if kept is None:
            return
        action, record = kept
        if record == self._dispatch.own_record():
            self._dispatch.remember(self._ran_key, None)
        else:
            self._lost = action

    def end(self) -> None:
        """Rerun an action whose writes were not committed; remember the one of this dispatch."""
        if self._lost is not None and self._ran is None:
            logger.info('Juju did not commit what %s did, so it runs again', self._lost[0])
            method = self._method(*self._lost)
            if method is not None:
                method()
            self._ran = self._lost
        if self._ran is not None:
            self._dispatch.at_end(self._note_run)

    def _note_run(self) -> None:
        self._dispatch.remember(self._ran_key, [self._ran, self._dispatch.own_record()])
        self._ran = self._lost = self._result = None

    def save(
        self,
        function: Callable[..., Any] | str | None,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
        *,
        for_each_dispatch: bool = False,
    ) -> None:
        """Store an action, replacing the previous one; without a function, remove it.

        Raises:
            TypeError: It is not callable, or its arguments cannot be stored.
            ValueError: The charm has no such method.
        """
        if function is not None and not isinstance(function, str) and not callable(function):
            raise TypeError(
                'action_func must be a function, or the name of a method of the charm, not '
                f'{brief(function)}'
            )
        self._dispatch.remember(self._action_key, None)
        self._call = self._result = None
        if function is None:
            return
        name = self._name(function)
        if name is None:
            kept = cast('Callable[..., Any]', function)
            self._call = lambda: kept(*args, **kwargs)
            if not for_each_dispatch:
                logger.warning(
                    'the action %s is lost at the end of this dispatch, but the turn usually '
                    'comes in a later one: save a method of the charm instead',
                    getattr(kept, '__qualname__', None) or brief(kept),
                )
            return
        method = getattr(self._dispatch.charm, name)
        self._call = lambda: method(*args, **kwargs)
        try:
            value = json.loads(json.dumps([name, list(args), dict(kwargs)]))
        except (TypeError, ValueError) as error:
            if isinstance(function, str):
                raise TypeError(
                    f'the arguments of {name} must be JSON-serialisable: {error}'
                ) from error
            logger.warning('the action %s is lost at the end of this dispatch: %s', name, error)
            return
        self._dispatch.remember(self._action_key, value)

    def run(self) -> Any:
        """Run the action once per dispatch and return its value; None without an action."""
        if self._result is not None:
            return self._result[0]
        kept = self._dispatch.recall(self._action_key)
        call = self._call
        if call is None and kept is not None:
            # A refresh may have taken the method away; nothing else can be done about it.
            call = self._call = self._method(*kept)
        if call is None and kept is None:
            return None
        result = None if call is None else call()
        self._result = (result,)
        if kept is not None:
            self._dispatch.remember(self._action_key, None)
            self._ran = kept
        return result

    def _method(
        self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Callable[[], Any] | None:
        method = getattr(self._dispatch.charm, name, None)
        return None if method is None else lambda: method(*args, **kwargs)

    def _name(self, function: Callable[..., Any] | str) -> str | None:
        charm = self._dispatch.charm
        if isinstance(function, str):
            if not callable(getattr(charm, function, None)):
                raise ValueError(
                    f'{type(charm).__name__} has no method {brief(function)}: pass the method '
                    'itself, or its name'
                )
            return function
        name = getattr(function, '__name__', '')
        return name if getattr(charm, name or ' ', None) == function else None
