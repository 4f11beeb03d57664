"""The demo as users run it: with the worker killed; on a terminal, kept, and with a failure."""

import asyncio
import fcntl
import os
import pty
import re
import signal
import socket
import struct
import sys
import termios
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(240)

ROOT = Path(__file__).parents[2]
QUICK = """
from dataclasses import replace
from demo import scenarios
(rejected,) = (each for each in scenarios.SCENARIOS if each.company == "Example Four LLC")
scenarios.SCENARIOS = (replace(rejected, expected_mails=(("Failed", 2),)),)
from demo import __main__ as demo
demo.SETTLE_TIMEOUT = demo.SETTLE_TIME
demo.run_and_exit(demo.app)
"""
"""The demo with one scenario, which expects a mail too many."""


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT)}


@pytest.mark.xdist_group("in-real-time")
async def test_every_offer_ends_as_expected_after_the_worker_is_killed(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "demo", "--crash"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=tmp_path,
        env=environment(),
    )
    out, _ = await process.communicate()
    text = out.decode()
    assert process.returncode == 0, text
    _, killed, after = text.partition("Killed the worker (SIGKILL)")
    assert killed
    assert re.search(r"  disbursed .* offer-", after), "no offer was under way"
    assert "Temporal UI  http://127.0.0.1:" in text
    # Only "yes" in a cell: an id may contain it.
    assert len(re.findall(r"│ yes +│", text)) == 11
    assert "Traceback" not in text


async def test_board_on_a_terminal_is_kept_until_ctrl_c(tmp_path: Path) -> None:
    """Its only offer does not end as its scenario says."""
    terminal, its_end = pty.openpty()
    fcntl.ioctl(its_end, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", QUICK, "--keep"),
        stdin=its_end,
        stdout=its_end,
        stderr=its_end,
        cwd=tmp_path,
        env=environment() | {"TERM": "xterm-256color"},
    )
    os.close(its_end)
    screen = await asyncio.to_thread(read_until, terminal, "Everything stays up until Ctrl-C")
    (port,) = set(re.findall(r"Temporal UI  http://127\.0\.0\.1:(\d+)", screen))
    socket.create_connection(("127.0.0.1", int(port)), 5).close()
    process.send_signal(signal.SIGINT)
    await asyncio.to_thread(read_until, terminal, None)
    os.close(terminal)
    assert await process.wait() == 1
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(port)), 5)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen)
    assert "│ yes" not in text
    assert len(re.findall(r"│ no +│", text)) == 1
    assert re.search(r"006DEMO00000004\w*: .*Failed", text), text
    assert "\x1b[1A" in screen, "the board is not drawn in place"
    assert "Example Four LLC" in screen
    assert "Traceback" not in screen


def read_until(terminal: int, text: str | None) -> str:
    """What is written to a terminal up to a text; None: until it is closed."""
    written = b""
    while text is None or text.encode() not in written:
        try:
            written += os.read(terminal, 65536)
        except OSError:  # Linux: nobody has the other end open
            assert text is None, written.decode()
            break
    return written.decode(errors="replace")
