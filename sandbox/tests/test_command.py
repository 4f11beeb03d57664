"""The sandbox as a command, and its ports."""

import json
import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import httpx
import pytest

from sandbox.__main__ import main
from sandbox.server import PortInUse, Sandbox

COMMAND = [sys.executable, "-m", "sandbox"]


def test_addresses(control: httpx.Client, sandbox: Sandbox) -> None:
    addresses = control.get("/addresses").json()
    assert addresses["catalog"] == sandbox.addresses.catalog
    assert httpx.get(addresses["mailbox"]).status_code == 200


def test_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=str(port)), Sandbox(port=port):
            pass


def test_nothing_listens_beyond_loopback(sandbox: Sandbox) -> None:
    """Whatever listens on every address is reached by another one of loopback's, too."""
    systems = ("control", "catalog", "agreement", "clazar", "salesforce", "smtp", "s3")
    ports = [urlsplit(getattr(sandbox.addresses, system)).port for system in systems]
    for port in ports:
        socket.create_connection(("127.0.0.1", port)).close()
        with pytest.raises(OSError, match=r"refused|assign|timed out"):
            socket.create_connection(("127.0.0.2", port), 1)


def test_the_command_serves_until_sigterm() -> None:
    with subprocess.Popen(
        [*COMMAND, "--scale", "3600", "--origin", "2026-03-02T09:00:00Z"],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        addresses = json.loads(process.stdout.readline())
        assert addresses["env"]["OFFERS_CLOCK_SCALE"] == "3600"
        assert addresses["env"]["OFFERS_CLOCK_ORIGIN"] == "2026-03-02T09:00:00+00:00"
        assert httpx.get(addresses["mailbox"]).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert process.stdout.read() == ""


def test_the_command_prints_settings_for_a_shell() -> None:
    with subprocess.Popen([*COMMAND, "--env"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(18)]
        name, _, control = lines[0].strip().partition("=")
        if named := name == "export CONTROL":
            addresses = httpx.get(f"{control}/control/addresses").json()
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    assert named
    assert addresses["control"] == control
    assert all(line.startswith("export ") for line in lines)


@pytest.mark.parametrize("wrong", [["--scale", "0"], ["--port", "70000"], ["--origin", "noon"]])
def test_invalid_arguments(
    wrong: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["sandbox", *wrong])
    with pytest.raises(SystemExit) as refused:
        main()
    assert refused.value.code == 2
    assert wrong[0] in capsys.readouterr().err
