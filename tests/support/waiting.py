"""Waiting for what another thread does."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 10


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds; fails if it does not in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"not in {PATIENCE_SECONDS} s"
        time.sleep(0.01)
