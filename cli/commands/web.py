"""The web console."""

import logging
import secrets
import socket

from cli.common import command
from cli.terminal import print_error
from runtime.logging import LogLevel, configure_logs
from runtime.settings import InvalidSettings, WebSettings, listen_address, read_settings
from runtime.temporal import connect, register_search_attributes
from web.http_server import http_server, listening_socket


@command
async def web() -> None:
    """Serve the web console and its HTTP API until Ctrl-C.

    The settings are OFFERS_WEB_ADDRESS and those beside it in .env.example. Without
    OFFERS_OIDC_ISSUER nobody signs in, and it listens on loopback only.

    Examples:

    - `offerflow web`
    """
    from web.app import create_app

    configure_logs(LogLevel.INFO, None)
    settings = read_settings(WebSettings)
    client = await connect(settings)
    await register_search_attributes(client)
    key = settings.offers_session_key
    app = create_app(settings, client, key.get_secret_value() if key else secrets.token_urlsafe(32))
    if settings.offers_oidc_issuer is None:
        print_error(
            "nobody signs in: whoever reaches this address is the local operator"
            " (set OFFERS_OIDC_ISSUER)"
        )
    host, port = listen_address(settings.offers_web_address)
    listening = _listen(settings.offers_web_address, host, port)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    print_error(f"console at http://{settings.offers_web_address}")
    await http_server(app).serve([listening])


def _listen(address: str, host: str, port: int) -> socket.socket:
    try:
        return listening_socket(host, port)
    except OSError as error:
        raise InvalidSettings(
            f"OFFERS_WEB_ADDRESS: nothing can listen at {address} ({error.strerror}): choose"
            " another address, or end the program that uses it"
        ) from None
