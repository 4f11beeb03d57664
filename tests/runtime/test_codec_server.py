"""The Temporal UI reads encrypted offers through the codec server, and nobody else does."""

import asyncio
import base64
import os
import sys
from asyncio.subprocess import PIPE

import httpx
import pytest
from google.protobuf import json_format
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.converter import WorkflowSerializationContext

from demo.processes import free_port
from runtime.codec import EncryptionCodec
from runtime.codec_server import LARGEST_REQUEST, codec_app
from tests.support.programs import ROOT

KEY = f"k1:{'A' * 43}="
TOKEN = "t" * 32
UI = "http://localhost:8233"
CLEAR = Payload(metadata={"encoding": b"json/plain"}, data=b'"buyer@example.com"')


@pytest.fixture
def codec() -> EncryptionCodec:
    return EncryptionCodec(KEY)


@pytest.fixture
def browser(codec: EncryptionCodec) -> httpx.AsyncClient:
    app = codec_app(codec, token=TOKEN, origin=UI, host="127.0.0.1")
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8234", headers={"origin": UI}
    )


async def sealed(codec: EncryptionCodec) -> Payload:
    offer = WorkflowSerializationContext("default", "offer/006")
    (payload,) = await codec.with_context(offer).encode([CLEAR])
    return payload


def body(*payloads: Payload) -> str:
    return json_format.MessageToJson(Payloads(payloads=payloads))


def values(answer: httpx.Response) -> list[bytes]:
    return [each.data for each in json_format.Parse(answer.text, Payloads()).payloads]


async def test_values_of_offers_become_readable(
    browser: httpx.AsyncClient, codec: EncryptionCodec
) -> None:
    content = body(await sealed(codec), CLEAR)
    by_path = await browser.post(f"/{TOKEN}/decode", content=content)
    assert values(by_path) == [CLEAR.data, CLEAR.data]
    assert by_path.headers["access-control-allow-origin"] == UI
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert values(await browser.post("/decode", content=content, headers=bearer)) == values(by_path)


async def test_value_without_its_key_does_not_hide_the_others(
    browser: httpx.AsyncClient, codec: EncryptionCodec
) -> None:
    foreign = await sealed(EncryptionCodec(f"k0:{'B' * 42}A="))
    answer = await browser.post(f"/{TOKEN}/decode", content=body(foreign, await sealed(codec)))
    missing, readable = values(answer)
    assert b"OFFERS_ENCRYPTION_KEYS has no key 'k0'" in missing
    assert readable == CLEAR.data


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/decode", {}),
        ("/decode", {"authorization": "Bearer another"}),
        (f"/{'x' * 32}/decode", {}),
        (f"/{'x' * 32}/decode", {"authorization": f"Bearer {TOKEN}"}),
    ],
)
async def test_nobody_reads_without_the_token(
    browser: httpx.AsyncClient, codec: EncryptionCodec, path: str, headers: dict[str, str]
) -> None:
    answer = await browser.post(path, content=body(await sealed(codec)), headers=headers)
    assert answer.status_code == 403
    assert "buyer" not in answer.text


async def test_other_pages_and_other_names_are_refused(
    browser: httpx.AsyncClient, codec: EncryptionCodec
) -> None:
    content = body(await sealed(codec))
    asked = {"access-control-request-method": "POST", "origin": "http://evil.example"}
    assert (await browser.options(f"/{TOKEN}/decode", headers=asked)).status_code == 400
    asked["origin"] = UI
    assert (await browser.options(f"/{TOKEN}/decode", headers=asked)).status_code == 200
    elsewhere = {"host": "evil.example"}
    answer = await browser.post(f"/{TOKEN}/decode", content=content, headers=elsewhere)
    assert answer.status_code == 400


@pytest.mark.parametrize("content", ["", "{", '{"payloads": 1}', "[" * 5000, "\udcff"])
async def test_body_that_is_none(browser: httpx.AsyncClient, content: str) -> None:
    answer = await browser.post(
        f"/{TOKEN}/decode", content=content.encode(errors="surrogateescape")
    )
    assert answer.status_code == 400


async def test_size_is_bounded(browser: httpx.AsyncClient) -> None:
    answer = await browser.post(f"/{TOKEN}/decode", content=b" " * (LARGEST_REQUEST + 1))
    assert answer.status_code == 413


async def test_nothing_is_encrypted_for_the_ui(browser: httpx.AsyncClient) -> None:
    assert (await browser.post(f"/{TOKEN}/encode", content=body(CLEAR))).status_code == 404


async def test_command_prints_the_address_for_the_ui(codec: EncryptionCodec) -> None:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "starter.py"),
        *("codec-server", "--port", str(port)),
        env=os.environ | {"OFFERS_ENCRYPTION_KEYS": KEY},
        stdout=PIPE,
    )
    assert process.stdout
    try:
        said = (await process.stdout.readline()).decode()
        endpoint = said.removeprefix("Codec server endpoint: ").strip()
        assert len(base64.urlsafe_b64decode(endpoint.rpartition("/")[2] + "=")) == 32
        async with httpx.AsyncClient() as browser:
            answer = await browser.post(f"{endpoint}/decode", content=body(await sealed(codec)))
        assert values(answer) == [CLEAR.data]
    finally:
        process.terminate()
        await process.wait()
