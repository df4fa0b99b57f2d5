"""The native module: one hook of one unit, and what it needs of the machine."""

from collections.abc import Callable
from typing import final

class CoordinatorError(Exception):
    """Something that keeps a unit from taking its turns."""

@final
class Hook:
    """One hook of one unit: what it has read, and what it will write."""

    def __new__(
        cls,
        answer: Callable[[str, list[str], str | None], tuple[int, str, str]],
        *,
        unit: str,
        context: str,
        charm_dir: str,
        state: str,
        endpoint: str,
        waker: list[str],
        relation: str | None,
        remote_unit: str | None,
        departing_unit: str | None,
        zone: str | None,
        from_process_start: bool,
    ) -> Hook: ...
    @property
    def is_leader(self) -> bool: ...
    @property
    def has_relation(self) -> bool: ...
    def request(self, lock: str, asked: str | None) -> int: ...
    def start(self, lock: str) -> tuple[bool, str | None]: ...
    def finish(self, lock: str, failure: str | None) -> None: ...
    def withdraw(self, lock: str) -> bool: ...
    def counters(self, lock: str) -> tuple[int, int, str | None, str | None]: ...
    def asked(self, lock: str) -> str | None: ...
    def status(self) -> str: ...
    def release(
        self,
        limits: dict[str, int],
        grant: Callable[[str, list[str]], list[str]] | None,
        custom: list[str],
    ) -> None: ...
    def take_warnings(self) -> list[str]: ...

def restart_service(name: str) -> tuple[str, list[str]] | None: ...
def run_waker(unit: str, state: str, context: str) -> None: ...
