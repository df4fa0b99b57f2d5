"""One coordinator of each class per charm."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

import ops

from ._error import CoordinatorError, brief

_Constructor = TypeVar('_Constructor')

_INSTANCES = '_ops_coordinator_instances'

_key_may_lead: dict[object, bool] = {}
"""The constructors whose first argument is the charm: whether the key may stand there instead."""


def charm_leads(constructor: _Constructor) -> _Constructor:
    """Mark a constructor whose first argument is the charm."""
    _key_may_lead[constructor] = False
    return constructor


def charm_or_key_leads(constructor: _Constructor) -> _Constructor:
    """Mark a constructor whose first argument is the charm or, as in charmhelpers, the key."""
    _key_may_lead[constructor] = True
    return constructor


def charm_or_caller(charm: object) -> ops.CharmBase:
    """Return the given charm, or else the one whose method creates the coordinator.

    Raises:
        TypeError: It is not a charm.
        CoordinatorError: None is given, and no method of a charm is running.
    """
    if isinstance(charm, ops.CharmBase):
        return charm
    if charm is not None:
        raise TypeError(f'a coordinator needs a charm, not a {type(charm).__name__}: pass self')
    frame: FrameType | None = inspect.currentframe()
    while frame is not None:
        names = frame.f_code.co_varnames[: frame.f_code.co_argcount]
        first = frame.f_locals.get(names[0]) if names else None
        if isinstance(first, ops.CharmBase):
            return first
        frame = frame.f_back
    raise CoordinatorError(
        'which charm is this coordinator for? Create it in a method of the charm, or pass the '
        'charm, as in OpsCoordinator(self)'
    )


def instances(framework: ops.Framework) -> dict[type, object]:
    """Return the coordinators of a charm, one of each class."""
    return framework.__dict__.setdefault(_INSTANCES, {})


class Singleton(type):
    """Creates one instance of each class per charm, and returns the same one afterwards."""

    if not TYPE_CHECKING:

        def __call__(cls, *args, **kwargs):
            # The interface of charmhelpers begins with the key; a subclass may have a constructor
            # of its own, without the charm.
            given = args[0] if args and _leads(args[0], cls) else kwargs.get('charm')
            charm = charm_or_caller(given)
            known = instances(charm.framework)
            if cls not in known:
                known[cls] = super().__call__(*args, **kwargs)
                known[cls].__dict__['_given'] = _arguments(cls, args, kwargs)
                return known[cls]
            first = known[cls].__dict__['_given']
            for name, value in _arguments(cls, args, kwargs, defaults=False).items():
                if value != first.get(name):
                    raise CoordinatorError(
                        f'the charm already has its {cls.__name__} with '
                        f'{name}={brief(first.get(name))}; it cannot also have '
                        f'{name}={brief(value)}: pass the same arguments, or none'
                    )
            return known[cls]


def _leads(value: object, cls: type) -> bool:
    """Return whether the first argument stands where the charm does."""
    if isinstance(value, ops.CharmBase):
        return True
    own = getattr(cls, '__init__', None)
    return own in _key_may_lead and not (isinstance(value, str) and _key_may_lead[own])


def _arguments(
    cls: type, args: tuple[Any, ...], kwargs: dict[str, Any], *, defaults: bool = True
) -> dict[str, Any]:
    """Return what a coordinator was made with, by name, without the charm."""
    own: Callable[..., None] = cls.__init__
    if _key_may_lead.get(own) and args and isinstance(args[0], str):
        args = (None, *args)
    bound = inspect.signature(own).bind(None, *args, **kwargs)
    if defaults:
        bound.apply_defaults()
    given = list(bound.arguments.items())[1:]
    return {
        name: value
        for name, value in given
        if name != 'charm' and not isinstance(value, ops.CharmBase)
    }
