"""The socket at which the console listens."""

import socket


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
