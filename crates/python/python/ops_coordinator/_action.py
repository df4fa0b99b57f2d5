"""The action that a charm wants run once its services have restarted."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import ops

if TYPE_CHECKING:
    from ._dispatch import Dispatch

logger = logging.getLogger(__name__)


class SavedAction:
    """A function with its arguments, kept until it has run.

    The turn mostly comes in a later hook, which is another process. A method of the charm is found
    again there by its name; any other function is gone with its process.
    """

    def __init__(self, dispatch: Dispatch):
        self._dispatch = dispatch
        self._call: Callable[[], Any] | None = None

    def save(
        self,
        function: Callable[..., Any] | str | None,
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> None:
        """Keep an action, in place of the one before; without a function there is none."""
        self._dispatch.remember('action', None)
        self._call = None
        if function is None:
            return
        name = self._name(function)
        if name is None:
            kept = cast('Callable[..., Any]', function)
            self._call = lambda: kept(*args, **kwargs)
            return
        method = getattr(self._dispatch.charm, name)
        self._call = lambda: method(*args, **kwargs)
        try:
            value = json.loads(json.dumps([name, list(args), dict(kwargs)]))
        except TypeError as error:
            if isinstance(function, str):
                raise TypeError(f'the arguments of {name} are kept as JSON: {error}') from error
            logger.warning('the action %s is gone with this dispatch: %s', name, error)
            return
        self._dispatch.remember('action', value)

    def run(self) -> Any:
        """Run the action and give what it returns; None where there is none."""
        call = self._call
        if call is None:
            kept = self._dispatch.recall('action')
            if kept is None:
                return None
            name, args, kwargs = kept
            method = getattr(self._dispatch.charm, name, None)
            if method is None:
                # A refresh may have taken the method away; nothing else can be done about it.
                self._dispatch.remember('action', None)
                return None
            call = self._call = lambda: method(*args, **kwargs)
        result = call()
        self._dispatch.remember('action', None)
        return result

    def _name(self, function: Callable[..., Any] | str) -> str | None:
        charm = self._dispatch.charm
        if isinstance(function, str):
            if not callable(getattr(charm, function, None)):
                raise ValueError(f'{type(charm).__name__} has no method {function}')
            return function
        name = getattr(function, '__name__', '')
        return name if getattr(charm, name or ' ', None) == function else None


def is_action(value: object) -> bool:
    """Whether a value can be an action."""
    return isinstance(value, str) or (callable(value) and not isinstance(value, ops.CharmBase))
