"""What the lab's history says of who was inside a lock, and when."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Turn:
    """A unit's time inside a lock: from when it says that it enters until it leaves."""

    unit: str
    """Whose."""
    entered: float
    """When, in seconds since the lab began."""
    left: float | None
    """When it left or the unit was gone, `None` while it is inside."""


@dataclasses.dataclass
class Turns:
    """All turns of one lock."""

    done: list[Turn]
    """In the order in which they began."""
    most: list[str]
    """The units that were inside when most were."""
    most_at: float
    """When that was."""


def turns(events: Iterable[Mapping[str, Any]], lock: str) -> Turns:
    """Read the turns of a lock.

    A unit whose hook is killed inside stays inside until it has entered again and left, or is
    gone.
    """
    found = Turns([], [], 0.0)
    inside: dict[str, int] = {}
    for event in events:
        kind: str = event['event']
        unit: str = event.get('unit') or ''
        at = event['at'] / 1000
        if kind == 'enter' and event['lock'] == lock and unit not in inside:
            inside[unit] = len(found.done)
            found.done.append(Turn(unit, at, None))
            if len(inside) > len(found.most):
                found.most, found.most_at = sorted(inside), at
        leaves = kind == 'leave' and event['lock'] == lock
        if (leaves or (kind == 'life' and event['life'] == 'dead')) and unit in inside:
            place = inside.pop(unit)
            found.done[place] = dataclasses.replace(found.done[place], left=at)
    return found
