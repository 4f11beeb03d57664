"""The HTTP server of the console, and the socket at which it listens."""

import socket
from datetime import timedelta

from starlette.types import ASGIApp
from uvicorn import Config, Server

KEEP_ALIVE = timedelta(seconds=75)
"""How long a connection without requests is kept.  Longer than a proxy or a program keeps its own
(nginx: 60 seconds; httpx: 5, as uvicorn by default): who reuses one that is just closed gets an
error."""
SHUTDOWN = timedelta(seconds=5)
"""Browsers keep a connection open for news: it is closed then."""


def http_server(app: ASGIApp, shutdown: timedelta = SHUTDOWN) -> Server:
    """A server without a log of requests, and without trust in what they say of a proxy."""
    return Server(
        Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            timeout_keep_alive=int(KEEP_ALIVE.total_seconds()),
            timeout_graceful_shutdown=int(shutdown.total_seconds()),
            forwarded_allow_ips=[],
        )
    )


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket at an IP address; raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Without the protocol asyncio does not turn Nagle's algorithm off: each answer would take 40 ms
    # longer (`socket.create_server` names none; measured 2026-11-28 with CPython 3.11).
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen()
    except OSError:
        listening.close()
        raise
    return listening
