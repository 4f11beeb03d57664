"""Waiting for the work of another thread."""

import time
from collections.abc import Callable

TIMEOUT_SECONDS = 10


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until the condition is true; fails after TIMEOUT_SECONDS real seconds."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not true within {TIMEOUT_SECONDS} s"
        time.sleep(0.01)
