"""The fixture `lab`, and what a failed test says of it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ._lab import Lab


@pytest.fixture
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """An embedded Juju in a directory of its own, which ends with the test."""
    from ._lab import Lab

    with Lab(tmp_path_factory.mktemp('lab')) as lab:
        yield lab


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of the lab's logs where a test has failed."""
    report = yield
    lab: Lab | None = getattr(item, 'funcargs', {}).get('lab')
    # A charm's own fixture may have this name.
    if report.failed and report.when == 'call' and hasattr(lab, 'tail') and lab is not None:
        report.sections.append(('lab', lab.tail()))
    return report
