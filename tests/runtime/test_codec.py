"""With keys set, Temporal stores no readable personal data."""

import base64
import os

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter

from runtime.codec import EncryptionCodec, InvalidKeys
from runtime.settings import TemporalSettings
from runtime.temporal import data_converter
from tests.support.workflow_harness import open_harness


def key(name: str) -> str:
    return f"{name}:{base64.b64encode(os.urandom(32)).decode()}"


def converter(*keys: str) -> DataConverter:
    return data_converter(
        TemporalSettings.model_validate({"offers_encryption_keys": ",".join(keys)})
    )


async def test_key_rotation_reads_values_of_the_old_key() -> None:
    old, new = key("old"), key("new")
    (encrypted,) = await converter(old).encode(["buyer@example.com"])
    assert b"buyer" not in encrypted.SerializeToString()
    assert await converter(new, old).decode([encrypted]) == ["buyer@example.com"]
    with pytest.raises(InvalidKeys, match="no key 'old'"):
        await converter(new).decode([encrypted])
    with pytest.raises(InvalidKeys, match=r"'old' .* is another one"):
        await converter(key("old")).decode([encrypted])


async def test_unencrypted_payload_stays_readable() -> None:
    plain = Payload(metadata={"encoding": b"json/plain"}, data=b'"text"')
    assert await converter(key("k")).decode([plain]) == ["text"]


@pytest.mark.parametrize("keyring", ["", "k1", "k1:???", "k1:c2hvcnQ=", ",", ":" + "A" * 43 + "="])
def test_invalid_keyring_is_rejected_with_the_remedy(keyring: str) -> None:
    with pytest.raises(InvalidKeys, match="write each key as id:base64"):
        EncryptionCodec(keyring)


def test_key_id_that_is_used_twice() -> None:
    with pytest.raises(InvalidKeys, match="two keys have the same id"):
        EncryptionCodec(f"{key('k1')},{key('k1')}")


async def test_history_has_no_personal_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OFFERS_ENCRYPTION_KEYS", key("k1"))
    async with open_harness() as harness:
        await harness.share()
        history = (await harness.handle.fetch_history()).to_json()
        description = await harness.handle.describe()
    for personal in ("buyer@example.com", "owner@example.com", "Example Buyer"):
        assert personal not in history
        assert base64.b64encode(personal.encode()).decode()[4:-4] not in history
        assert personal not in str(description.raw_description)
