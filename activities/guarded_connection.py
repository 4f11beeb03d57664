"""Connections to servers that others name: to global addresses only, and not beyond a deadline."""

import os
import socket
import ssl
import threading
import time
from contextlib import suppress
from http.client import HTTPSConnection
from typing import Any, Self

from offers.ip_addresses import is_global


class NotReachable(OSError):
    """The address is not one of the internet's."""


class GuardedConnection(HTTPSConnection):
    """Ends at a deadline, whatever the server sends and however slowly."""

    def __init__(
        self,
        host: str,
        port: int,
        trusted: ssl.SSLContext,
        deadline: float,
        *,
        any_address: bool,
        silence: float,
    ) -> None:
        """`deadline`: on the monotonic clock.  `any_address`: also one that is not global.

        `silence`: seconds without further bytes.
        """
        super().__init__(host, port, context=trusted, timeout=silence)
        self._deadline, self._any_address = deadline, any_address
        self._watched: socket.socket | None = None
        self._timer: threading.Timer | None = None
        # Where http.client connects: the address that was checked must be the one that is used.
        self._create_connection = self._connect_to_checked_address

    def _connect_to_checked_address(
        self, address: tuple[str, int], timeout: float, _source: Any = None
    ) -> socket.socket:
        host, port = address
        found = [
            str(each[4][0]) for each in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        ]
        if not self._any_address and not all(map(is_global, found)):
            raise NotReachable
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connected = socket.create_connection((found[0], port), min(timeout, left))
        # A copy: TLS takes over the socket itself.
        self._watched = socket.socket(fileno=os.dup(connected.fileno()))
        self._timer = threading.Timer(left, self._end)
        self._timer.daemon = True
        self._timer.start()
        return connected

    def _end(self) -> None:
        with suppress(OSError):  # it has ended by itself
            if self._watched:
                self._watched.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        """Close it at the end, and only then stop to watch the time.

        http.client closes it by itself before it has read a body of unknown length.
        """
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer:
            self._timer.cancel()
        if self._watched:
            self._watched.close()
        self.close()
