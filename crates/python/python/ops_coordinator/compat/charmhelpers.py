"""The names of `charmhelpers.coordinator`.

A charm imports them from here, and the rest of it stays as it is::

    # was: charmhelpers.coordinator
    from ops_coordinator.compat.charmhelpers import BaseCoordinator, Serial

`require` is a method of both, as there. What charmhelpers has left in the databags is taken over
by the coordinator itself.
"""

from .._coordinator import BaseCoordinator, Serial
from .._singleton import Singleton

__all__ = ['BaseCoordinator', 'Serial', 'Singleton']
