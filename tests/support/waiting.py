"""Waiting for what another thread does."""

import time
from collections.abc import Callable

TIMEOUT_SECONDS = 10


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until something holds; fails if it does not in time."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"not in {TIMEOUT_SECONDS} s"
        time.sleep(0.01)
