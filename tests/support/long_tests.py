"""Tests that `make test` leaves to `make test-long`."""

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def with_long(values: Iterable[Any], *, short: Collection[Any]) -> list[Any]:
    """Parameters of a test: `make test` takes the short ones, `make test-long` the others."""
    values = list(values)
    assert set(short) <= set(values), "a short one is not among them"
    return [
        value if value in short else pytest.param(value, marks=pytest.mark.long) for value in values
    ]
