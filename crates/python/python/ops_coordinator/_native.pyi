"""The native module: one hook of one unit, and what it needs of the machine."""

from collections.abc import Callable, Sequence
from typing import Final, Literal, final, type_check_only

LIMIT_MAX: Final[int]
"""The greatest limit."""

class CoordinatorError(Exception):
    """A problem that keeps a unit from taking its turns."""

    hint: str | None
    """What to do about it, if there is something to do; the exception's text ends with it."""

@final
class UnitStatus:
    """A unit's state for one lock."""

    unit: Final[str]
    """The unit's name."""
    place: Final[Literal['turn', 'in-line', 'requested', 'idle', 'unreadable']]
    """Where its request stands."""
    position: Final[int | None]
    """Its position in the line, from 1, among unfinished entries."""
    waits_for: Final[list[str]]
    """The units that must finish before it may start."""
    wait: Final[str | None]
    """Why its request is not over yet, in words; None if nothing is requested."""
    since: Final[int | None]
    """Since when it stands there, in seconds since 1970 in UTC; if idle, since its last turn."""
    ticket: Final[str | None]
    """The ticket of its request, such as `app/2#7`."""
    number: Final[int | None]
    """The number in that ticket."""
    operation: Final[str | None]
    """What it wants to do, or did last; None if that is the lock's own name."""
    attempt: Final[int | None]
    """How often that was started, as far as is known here."""
    outcome: Final[str | None]
    """How its last operation or attempt ended."""
    reason: Final[str | None]
    """The reason for that, if there is one."""
    held: Final[str | None]
    """Why it has not begun although its turn has come, if it says so."""
    done: Final[int]
    """How many of its requests are finished."""
    last: Final[str | None]
    """`outcome` and `reason` in one text."""

@final
class LockStatus:
    """The state of one lock."""

    paused: Final[str | None]
    """If an operator has paused the lock: why nothing starts."""
    units: Final[list[UnitStatus]]
    """Its units: those in the line first, in its order."""

@final
class Status:
    """The state of all locks."""

    now: Final[int | None]
    """When it was asked for, in seconds since 1970 in UTC, by this unit's clock."""
    leader: Final[str | None]
    """The unit that wrote the line, if there is one."""
    warnings: Final[list[str]]
    """Problems, if any."""
    locks: Final[dict[str, LockStatus]]
    """Each lock, with all units that have ever requested it."""
    table: Final[str]
    """All of it as a table, for people."""

@final
class Rules:
    """How units take turns for a lock, and when."""

    def __new__(
        cls,
        limit: str,
        order: str,
        waves: str,
        canary: bool,
        lookahead: int,
        window: list[str],
        max_unavailable: str | None,
        choose: Callable[[list[str]], Sequence[str]] | None,
    ) -> Rules: ...

@final
@type_check_only
class Blocker:
    """A command that has to succeed before an operation begins."""

    def __call__(self) -> str | None: ...

@final
@type_check_only
class Available:
    """A command that succeeds while the unit is available."""

    def __call__(self) -> str | None: ...

def declared(
    charm_dir: str, lock: str | None
) -> dict[str, tuple[Rules, Blocker | None, Available | None, str | None]]: ...

@final
class Hook:
    """One hook of one unit: what it has read, and what it will write."""

    def __new__(
        cls,
        answer: Callable[[str, list[str], str | None], tuple[int, str, str]],
        *,
        endpoint: str,
        state: str,
        waker: list[str],
        from_process_start: bool,
        unit: str,
        context: str,
        charm_dir: str,
        peers: list[str],
        ahead: int = 0,
        deputy: Callable[[], str] | None = None,
    ) -> Hook: ...
    @property
    def is_leader(self) -> bool: ...
    @property
    def has_relation(self) -> bool: ...
    def request(self, lock: str, asked: str | None) -> int: ...
    def start(
        self,
        lock: str,
        rules: Rules | None = None,
        blocker: Callable[[], str | None] | None = None,
    ) -> tuple[bool, str | None]: ...
    def set_shared(self, lock: str, shared: str) -> None: ...
    def ask_for_access(self, shared: str) -> None: ...
    def way_to_shared(self, shared: str) -> tuple[str, str]: ...
    def shared_in_words(self, lock: str) -> str | None: ...
    def answer_shared(self, lock: str, why: str | None) -> None: ...
    def goes_without_shared(self, lock: str) -> bool: ...
    def shared_turn(self, lock: str) -> tuple[int, int, int] | None: ...
    def finish(self, lock: str, failure: str | None) -> None: ...
    def fail(self, lock: str, reason: str, on_failure: str, back_off: int) -> None: ...
    def set_check(
        self,
        lock: str,
        holds: Callable[[], str | None],
        *,
        soak: int,
        within: int,
        on_failure: str,
        back_off: int,
    ) -> None: ...
    def ask_availability(self, available: Callable[[], str | None]) -> None: ...
    def look_at_check(self, lock: str) -> tuple[str, str | None] | None: ...
    def instruct(self, lock: str, instruction: str, about: str) -> str: ...
    def plan(self, lock: str, rules: Rules) -> str: ...
    def finish_through(self, lock: str, seq: int) -> tuple[str, str | None]: ...
    def roll(self, lock: str, reason: str, operation: str, context: str) -> None: ...
    def expect(self, lock: str, reason: str, operation: str, context: str) -> None: ...
    def pass_in_campaign(self, lock: str, reason: str | None) -> bool: ...
    def invitation(self, lock: str) -> tuple[int, str] | None: ...
    def invitations(self) -> list[str]: ...
    def withdraw(self, lock: str) -> bool: ...
    def withdraw_because(self, lock: str, reason: str) -> bool: ...
    def cancel(self, lock: str, unit: str, force: bool) -> bool: ...
    def outstanding(self, siblings: list[str]) -> dict[str, int]: ...
    def is_turn(self, lock: str) -> bool: ...
    def queue(self, lock: str) -> list[str]: ...
    def counters(self, lock: str) -> tuple[int, int, str | None, str | None]: ...
    def asked(self, lock: str) -> str | None: ...
    def summary(self) -> str | None: ...
    def write_metrics(self, path: str) -> None: ...
    def take_news(self) -> list[str]: ...
    def wake_later(self, milliseconds: int) -> None: ...
    def status(self) -> Status: ...
    def release(
        self,
        rules: dict[str, Rules],
        grant: Callable[[str, list[str]], list[str]] | None,
        custom: list[str],
    ) -> None: ...
    def take_warnings(self) -> list[str]: ...

@final
class Fuse:
    """Ends this process when its time is up."""

    def __new__(cls, left: int) -> Fuse: ...
    def set(self, left: int) -> None: ...
    def put_out(self) -> None: ...

def checked_shared(said: str) -> str: ...
def milliseconds(span: str) -> int: ...
def status_text(endpoint: str, waker: list[str], json: bool) -> str: ...
def is_lock_name(name: str) -> bool: ...
def is_service_name(name: str) -> bool: ...
def restart_service(name: str) -> tuple[str, list[str]] | None: ...
def run_waker(
    unit: str, state: str, endpoint: str, context: str, errand: str, visit: list[str]
) -> None: ...
def write_pending_line(state: str, endpoint: str, waker: list[str]) -> bool: ...
