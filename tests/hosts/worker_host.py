"""A worker on a host of its own."""

from __future__ import annotations

import sys

from kv_worker import work

if __name__ == "__main__":
    work(*sys.argv[1:])
