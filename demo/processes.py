"""The processes of the demo: a real Temporal server, the sandbox, a worker and the console."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import httpx

from demo.scenarios import SPEED
from offers.clock import Clock

ROOT = Path(__file__).parents[1]
LOGS = Path(".demo")
START_TIMEOUT_SECONDS = 30
STOP_TIMEOUT_SECONDS = 10


DEAL_DESK = "deal-desk@example.com"
"""Of `demo/policy.toml`."""
KEPT_SPEED = 60
"""Business seconds in a real one once a demo that is kept is over: AWS creates an offer in 45."""
AS_AWS = {"preparing_minutes": 5, "publish_minutes": 45, "update_minutes": 2}
"""How long AWS takes for change sets."""

ONE_PARTITION = [
    *("--dynamic-config-value", "matching.numTaskqueueReadPartitions=1"),
    *("--dynamic-config-value", "matching.numTaskqueueWritePartitions=1"),
]
"""Of each task queue.  The default, four, takes more of a small machine than the offers do."""


class DidNotStart(Exception):
    """A process of the demo ended, or did not start in time."""


class Processes:
    """Starts all processes, and stops them when the block ends."""

    def __init__(self) -> None:
        LOGS.mkdir(exist_ok=True)
        self._running: list[subprocess.Popen[str]] = []
        self._worker: subprocess.Popen[str] | None = None
        self._console: subprocess.Popen[str] | None = None
        self._logs: list[IO[str]] = []
        self.addresses: dict[str, Any] = {}
        self.temporal_ui = ""
        self.console = ""
        self.env: dict[str, str] = {"OFFERS_ENV_FILE": ""}
        """The environment variables of the demo's processes."""

    def __enter__(self) -> Self:
        try:
            self._start_temporal()
            self._start_sandbox()
            places = {"CONTROL": self.addresses["control"], "MAILBOX": self.addresses["mailbox"]}
            self.env |= places
            port = free_port()
            self.console = f"http://127.0.0.1:{port}"
            self.env["OFFERS_CONSOLE_URL"] = self.console
            self._write_env()
            self.start_worker()
            self._start_console()
            _wait_for_port(port, self._console, "console")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process in reversed(self._running):
            process.terminate()
        for process in reversed(self._running):
            try:
                process.wait(STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        for log in self._logs:
            log.close()

    def start_worker(self) -> None:
        """Start a worker."""
        self._worker = self._start("worker", [sys.executable, str(ROOT / "worker.py")])

    def _start_console(self) -> None:
        # Whoever looks at the demo decides as the deal desk.
        own = {"OFFERS_WEB_ADDRESS": self.console.partition("//")[2], "OFFERS_USER": DEAL_DESK}
        command = [sys.executable, str(ROOT / "starter.py"), "web"]
        self._console = self._start("console", command, own=own)

    def slow_down(self) -> Clock:
        """From now on a minute lasts a second: what is shown stays true.  Returns the clock."""
        assert self._worker is not None
        assert self._console is not None
        for process in (self._console, self._worker):
            process.terminate()
            process.wait(STOP_TIMEOUT_SECONDS)
            self._running.remove(process)
        # A second is a day, and the sandbox's time cannot go back.
        soon = datetime.now(UTC) + timedelta(seconds=1)
        clock = Clock(
            scale=float(self.env["OFFERS_CLOCK_SCALE"]),
            origin=datetime.fromisoformat(self.env["OFFERS_CLOCK_ORIGIN"]),
        )
        control = f"{self.addresses['control']}/control"
        changes = {"now": clock.business_time(soon).isoformat(), "speed": KEPT_SPEED}
        httpx.post(f"{control}/clock", json=changes).raise_for_status()
        httpx.put(f"{control}/change-set-processing", json=AS_AWS).raise_for_status()
        slow = clock.slowed_down(soon, KEPT_SPEED)
        self.env |= {
            "OFFERS_CLOCK_SCALE": f"{slow.scale:g}",
            "OFFERS_CLOCK_ORIGIN": slow.origin.isoformat(),
            "OFFERS_CLOCK_AHEAD": f"PT{slow.ahead.total_seconds():f}S",
            "OFFERS_POLICY": str(ROOT / "demo" / "policy-kept.toml"),
        }
        self._write_env()
        self.start_worker()
        self._start_console()
        return slow

    def _write_env(self) -> None:
        """For the commands of whoever looks at a demo that is kept."""
        lines = (f"export {name}='{value}'\n" for name, value in self.env.items())
        (LOGS / "env").write_text("".join(lines), encoding="utf-8")

    def suspend_worker(self) -> None:
        """Suspend the worker."""
        assert self._worker is not None
        self._worker.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._worker.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume_worker(self) -> None:
        """Resume the suspended worker."""
        assert self._worker is not None
        self._worker.send_signal(signal.SIGCONT)

    def kill_worker(self) -> None:
        """Kill the worker with SIGKILL."""
        assert self._worker is not None
        self._worker.kill()
        self._worker.wait()
        self._running.remove(self._worker)

    def _start_temporal(self) -> None:
        port, ui_port = free_port(), free_port()
        # A profile of the user must not connect the demo to another server.
        no_profiles = LOGS / "no-profiles.toml"
        no_profiles.write_text("", encoding="utf-8")
        self.env |= {
            "TEMPORAL_ADDRESS": f"127.0.0.1:{port}",
            "TEMPORAL_CONFIG_FILE": str(no_profiles.resolve()),
        }
        self.temporal_ui = f"http://127.0.0.1:{ui_port}/namespaces/default/workflows"
        command = [str(Path(sys.executable).parent / "temporal"), "server", "start-dev"]
        options = {"--ip": "127.0.0.1", "--port": port, "--ui-port": ui_port, "--log-level": "warn"}
        words = [str(word) for pair in options.items() for word in pair]
        process = self._start("temporal", [*command, *words, *ONE_PARTITION])
        _wait_for_port(port, process, "temporal")

    def _start_sandbox(self) -> None:
        process = self._start(
            "sandbox",
            [
                *(sys.executable, "-m", "sandbox"),
                *("--scale", str(SPEED), "--origin", datetime.now(UTC).isoformat()),
            ],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise DidNotStart(f"the sandbox did not start: see {LOGS / 'sandbox.log'}")
        self.addresses = json.loads(line)
        self.env |= self.addresses["env"] | {
            "OFFERS_POLICY": str(ROOT / "demo" / "policy.toml"),
            "OFFERS_FIELDS": str(ROOT / "examples" / "fields.toml"),
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def _start(
        self,
        name: str,
        command: list[str],
        stdout: int | None = None,
        own: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """`own`: settings of this process alone."""
        log = (LOGS / f"{name}.log").open("a")
        self._logs.append(log)
        process = subprocess.Popen(  # noqa: S603
            command,
            cwd=ROOT,
            env=_clean_environment() | self.env | dict(own or {}),
            stdout=stdout if stdout is not None else log,
            stderr=log,
            text=True,
            # Ctrl-C must reach only the demo, which then stops the processes in order.
            start_new_session=True,
        )
        self._running.append(process)
        return process


def _clean_environment() -> dict[str, str]:
    """The environment without settings that could connect a client to a real vendor."""
    ours = ("AWS_", "CLAZAR_", "SALESFORCE_", "SMTP_", "MAIL_", "OFFERS_", "TEMPORAL_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def use_environment(env: Mapping[str, str]) -> None:
    """Replace this process's settings with those of the demo's processes."""
    clean = _clean_environment()
    for name in set(os.environ) - set(clean):
        del os.environ[name]
    os.environ.update(env)


def free_port() -> int:
    """A port that the system assigns to no other program for a minute.

    A connection to it has just been closed.  A server that asks for it by number gets it.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            listener.accept()[0].close()
    return port


def _wait_for_port(port: int, process: subprocess.Popen[str] | None, name: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while process and process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise DidNotStart(f"the process {name} did not start: see {LOGS / f'{name}.log'}")
