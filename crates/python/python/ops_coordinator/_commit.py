"""The end of a dispatch, when the framework commits: turns end, and the line is published."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import ops

from ._claims import Claims
from ._dispatch import Dispatch, Turn
from ._endpoint import remember_endpoint
from ._native import Hook
from ._part import Part

if TYPE_CHECKING:
    from ._policies import Policies

_COMMITS = '_ops_coordinator_commits'


class Commit(ops.Object):
    """The end of a dispatch, for all coordinators on one peer relation."""

    def __init__(self, dispatch: Dispatch):
        super().__init__(dispatch, 'commit')
        self.dispatch = dispatch
        self.is_usual = False
        """Whether a coordinator uses this relation without naming it."""
        self.metrics: str | None = None
        """Where this unit's metrics go, if the charm wants them."""
        self._parts: list[Part] = []
        self.claims = Claims(dispatch, self._parts)
        self.framework.observe(self.framework.on.pre_commit, self._on_pre_commit)

    @cached_property
    def policies(self) -> Policies:
        """The leader's side."""
        # Most units do not lead, and each of their hooks would pay for this.
        from ._policies import Policies

        return Policies(self.dispatch, self._parts)

    def join(self, part: Part) -> None:
        """Add another coordinator."""
        self._parts.append(part)
        self.dispatch.at_open(part.take_over)

    def _on_pre_commit(self, _: ops.EventBase) -> None:
        dispatch = self.dispatch
        if dispatch.restricted:
            return
        hook = dispatch.hook
        for lock, turn in sorted(dispatch.turns.items()):
            self._end(hook, lock, turn)
        dispatch.turns.clear()
        self._tell_availability(hook)
        for part in self._parts:
            part.before_release(hook)
        self.claims.judge(hook)
        dispatch.asked.publish()
        self._ask_for_access(hook)
        if hook.is_leader:
            self.policies.release(hook)
        else:
            hook.release({}, None, [])
        if self.metrics is not None:
            hook.write_metrics(self.metrics)
        if self.is_usual or dispatch.is_only:
            dispatch.at_end(lambda: remember_endpoint(dispatch.charm, dispatch.endpoint))
        dispatch.end()

    def _ask_for_access(self, hook: Hook) -> None:
        """Ask the etcd charm for access, and note where it is, where a policy names a relation."""
        for shared in (one for part in self._parts for one in part.shared_locks if one.relation):
            # Few charms share a lock, and each hook of the others would pay for this.
            from ._guard import ask_for_access

            ask_for_access(hook, shared.said)

    def _tell_availability(self, hook: Hook) -> None:
        """Ask the charm whether this unit is available, after what it has done in its turn."""
        asked = [ask for part in self._parts for ask in part.available]
        if asked:
            # Few charms tell, and each hook of the others would pay for this.
            from ._available import unavailable

            hook.ask_availability(lambda: unavailable(asked))

    def _end(self, hook: Hook, lock: str, turn: Turn) -> None:
        for part in self._parts:
            part.turn_ends(lock, turn)
        if turn.kept is None:
            ended = hook.finish_through(lock, turn.through)
            for part in self._parts:
                part.operation_ended(lock, ended)
        else:
            hook.finish(lock, turn.kept)
        if turn.held:
            self.claims.hold(lock, turn.number)


def commit_on(charm: ops.CharmBase, endpoint: str) -> Commit:
    """Return the one commit of a charm's coordinators on a peer relation."""
    known: dict[str, Commit] = charm.framework.__dict__.setdefault(_COMMITS, {})
    if endpoint not in known:
        known[endpoint] = Commit(Dispatch(charm, endpoint))
    return known[endpoint]
