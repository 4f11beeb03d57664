"""Metrics and traces that cannot be had; what a running worker has is in test_observability."""

import socket
import sys

import pytest

from runtime.settings import InvalidSettings
from runtime.telemetry import set_default_runtime, tracing


def test_an_address_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(InvalidSettings, match=f"^OFFERS_METRICS_ADDRESS: .*{address}"):
            set_default_runtime(address)


def test_traces_need_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with (
        pytest.raises(InvalidSettings, match=r"pip install 'offerflow\[traces\]'"),
        tracing(wanted=True),
    ):
        pass


def test_without_traces_nothing_of_them_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with tracing(wanted=False) as interceptors:
        assert interceptors == []
