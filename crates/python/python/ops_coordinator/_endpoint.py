"""Which peer relation carries the coordination."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import ops

from ._error import PeerRelationError, brief
from ._local_state import replace_file

if TYPE_CHECKING:
    from ._native import Hook

logger = logging.getLogger(__name__)

STATE = '.ops-coordinator'
"""Where a unit stores its state, in the charm's directory."""

KEY = 'ops-coordinator'
"""The databag key of the coordination."""

_FILE = 'endpoint'
_OPENERS = '_ops_coordinator_openers'
_TOLD = '_ops_coordinator_told_endpoint'


def peer_relation(charm: ops.CharmBase, endpoint: str) -> ops.Relation | None:
    """Return a peer relation, None if it does not exist yet."""
    relations = charm.model.relations[endpoint]
    return relations[0] if relations else None


def openers_of(charm: ops.CharmBase) -> dict[str, Callable[[], Hook]]:
    """Return what opens the hook on each peer relation that the charm's coordinators use."""
    return charm.framework.__dict__.setdefault(_OPENERS, {})


def endpoint_of(charm: ops.CharmBase, wanted: str | None) -> str:
    """Return the peer relation that carries the coordination.

    The one that the charm names, or else the one used before if the charm still declares it: units
    that are refreshed one after the other must not switch at different times.

    Raises:
        PeerRelationError: There is no such peer relation, or it is not clear which one to use.
    """
    declared = sorted(charm.meta.peers)
    usual = usual_endpoint(declared, wanted)
    if wanted is not None:
        return wanted
    before = _used_before(charm, declared)
    if before is not None:
        if before != usual:
            _tell_that_it_stays(charm, before, usual)
        return before
    return usual or refuse_to_choose(declared)


def usual_endpoint(declared: list[str], wanted: str | None) -> str | None:
    """Return the peer relation that a new charm uses, None if it is not clear which.

    Raises:
        PeerRelationError: The charm declares none, or not the one that is wanted.
    """
    if wanted in declared:
        return wanted
    if wanted is not None or not declared:
        raise _missing(wanted or 'coordinator')
    if len(declared) == 1:
        return declared[0]
    return 'coordinator' if 'coordinator' in declared else None


def refuse_to_choose(declared: list[str]) -> NoReturn:
    """Say that it is not clear which peer relation carries the coordination.

    Raises:
        PeerRelationError: Always.
    """
    raise PeerRelationError(
        f'the charm has several peer relations ({", ".join(declared)}); specify which one carries '
        f"the coordination, as in relation='{declared[0]}'"
    )


def remember_endpoint(charm: ops.CharmBase, endpoint: str) -> None:
    """Store which peer relation is used."""
    path = charm.charm_dir / STATE / _FILE
    if _read(path) == endpoint:
        return
    replace_file(path, endpoint)


def endpoint_before(state: Path) -> str | None:
    """Return the peer relation that this unit has stored as used, None if it has stored none."""
    return _read(state / _FILE)


def _used_before(charm: ops.CharmBase, declared: list[str]) -> str | None:
    kept = endpoint_before(charm.charm_dir / STATE)
    if kept in declared:
        return kept
    if len(declared) == 1:
        return None
    # A pod comes back without its files, and older versions kept none: the databags tell.
    used = [endpoint for endpoint in declared if _carries(charm, endpoint)]
    return used[0] if len(used) == 1 else None


def _carries(charm: ops.CharmBase, endpoint: str) -> bool:
    relations = charm.model.relations[endpoint]
    owners = (charm.unit, charm.app)
    return any(KEY in relation.data[owner] for relation in relations for owner in owners)


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip() or None
    except (OSError, ValueError):
        return None


def _tell_that_it_stays(charm: ops.CharmBase, before: str, usual: str | None) -> None:
    attributes = charm.framework.__dict__
    if attributes.setdefault(_TOLD, False):
        return
    attributes[_TOLD] = True
    instead = f"'{usual}'" if usual else 'none of the others'
    logger.warning(
        "the coordination stays on the peer relation '%s', which it has used so far, although the "
        "charm now declares others (a new charm would use %s); to move it, pass relation='...'",
        before,
        instead,
    )


def _missing(name: str) -> PeerRelationError:
    shown, quotes = brief(name), '\'"'
    return PeerRelationError(
        f'the charm declares no peer relation {shown}; add to its charmcraft.yaml (or '
        f'metadata.yaml):\n  peers:\n    {shown.strip(quotes)}:\n      interface: coordinator'
    )
