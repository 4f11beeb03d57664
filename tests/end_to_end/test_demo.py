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
import sys
from dataclasses import replace
from demo import scenarios
named = {each.company: each for each in scenarios.SCENARIOS}
rejected, cancelled = named["Example Four LLC"], named["Example Six BV"]
scenarios.SCENARIOS = (%s,)
sys.argv[0] = "demo"
import runpy
runpy.run_module("demo", run_name="__main__")
"""
"""The demo with some of its scenarios."""


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
    """One of its offers does not end as its scenario says."""
    wrong = 'cancelled, replace(rejected, expected_mails=(("Failed", 2),))'
    terminal, its_end = pty.openpty()
    fcntl.ioctl(its_end, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", QUICK % wrong, "--keep"),
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
    assert len(re.findall(r"│ yes +│", text)) == 1
    assert len(re.findall(r"│ no +│", text)) == 1
    assert re.search(r"006DEMO00000004\w*: .*Failed", text), text
    redrawn = screen.count("\x1b[1A")
    assert redrawn > 10, "the board is not drawn in place"
    assert "Example Six BV" in screen
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
