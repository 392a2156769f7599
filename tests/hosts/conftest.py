"""Where the tests of several hosts find their world."""

from __future__ import annotations

import sys
from pathlib import Path

_TESTS = Path(__file__).parents[1]
PLACES = (_TESTS / "hosts", _TESTS / "chaos", _TESTS / "engine", _TESTS)
sys.path[:0] = [str(place) for place in PLACES if str(place) not in sys.path]
