"""The command that makes encrypted offers readable in the Temporal UI."""

import ipaddress
import secrets
import socket
from typing import Annotated

import typer

from cli.common import command
from runtime.settings import InvalidSettings, TemporalSettings, read_settings

TOKEN_BYTES = 32


@command
async def codec_server(
    origin: Annotated[
        str, typer.Option(help="The address of the Temporal UI, without a path.")
    ] = "http://localhost:8233",
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=1, max=65535)] = 8234,
) -> None:
    """Make encrypted offers readable in the Temporal UI, until it is stopped (Ctrl-C).

    It prints the address that belongs into the UI's setting "Codec Server". Whoever knows the
    address and can reach it reads every offer.

    Examples:

    - `offerflow codec-server --origin http://localhost:8233`
    """
    from uvicorn import Config, Server

    from runtime.codec_server import codec_app

    settings = read_settings(TemporalSettings)
    codec = settings.codec
    if codec is None:
        raise InvalidSettings(
            "OFFERS_ENCRYPTION_KEYS is not set: set the keys of the worker, or use the Temporal UI"
            " as it is if the worker has none"
        )
    token = settings.offers_codec_token
    shown = token.get_secret_value() if token else secrets.token_urlsafe(TOKEN_BYTES)
    app = codec_app(codec, token=shown, origin=origin.rstrip("/"), host=host)
    try:
        listening = socket.create_server((host, port))
    except OSError as error:
        raise InvalidSettings(
            f"--host {host} --port {port}: {error.strerror}; choose another"
        ) from None
    place = f"http://{host}:{port}"
    if token:
        print(f"Codec server endpoint: {place}/ followed by OFFERS_CODEC_TOKEN", flush=True)
    else:
        print(f"Codec server endpoint: {place}/{shown}", flush=True)
    if not _is_loopback(host):
        print("Others can reach it: put TLS before it, and let only the UI's users in.", flush=True)
    with listening:
        await Server(Config(app, log_level="warning", access_log=False)).serve([listening])


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
