"""Real systems for any suite: import the fixture into a `conftest.py` and mark the tests `real`.

from tests.real import real_tryton  # noqa: F401
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tieline.entrypoints.rehearsal import tryton


@pytest.fixture(scope="session")
def real_tryton() -> Iterator[tryton.Tryton]:
    """A fresh, seeded Tryton of its own for the session; prepared on the machine's first use."""
    with tryton.started() as running:
        yield running
