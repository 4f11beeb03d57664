"""The connection to Temporal, with the converter and search attributes of every process."""

import dataclasses
import os
import re
from collections.abc import Iterable, Sequence
from typing import Any, Self

from pydantic import ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.client import Client, Interceptor
from temporalio.common import SearchAttributeKey
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import (
    CompositePayloadConverter,
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    SerializationContext,
)
from temporalio.envconfig import ClientConfig
from temporalio.service import RPCError, RPCStatusCode

from runtime.codec import ENCODING, InvalidKeys, RefusedPayload, why_refused
from runtime.settings import InvalidSettings, TemporalSettings
from workflows.offer.search_attributes import KEYS

LOCAL_SERVER = "localhost:7233"
NO_KEYS = "OFFERS_ENCRYPTION_KEYS is not set: set the keys of the worker"


class ServerUnreachable(Exception):
    """No Temporal server answers, or its configuration is invalid."""


PYDANTIC = PydanticPayloadConverter()


class PayloadConverter(CompositePayloadConverter):
    """Pydantic's converter, made once: the SDK makes one per workflow and call, which is slow."""

    def __init__(self) -> None:
        super().__init__()
        self.converters = PYDANTIC.converters

    def with_context(self, context: SerializationContext) -> Self:  # noqa: ARG002
        """The same: these converters know no context, and the SDK's own way makes a copy each."""
        return self

    def from_payloads(
        self, payloads: Sequence[Payload], type_hints: list[type] | None = None
    ) -> list[Any]:
        """Raises ValueError without the values: the SDK logs its text."""
        for payload in payloads:
            if payload.metadata.get("encoding") == ENCODING:  # a codec would have decrypted it
                raise InvalidKeys(NO_KEYS)
            if reason := why_refused(payload):
                raise RefusedPayload(f"a value in Temporal is refused: {reason}")
        try:
            return super().from_payloads(payloads, type_hints)
        except ValidationError as error:
            kinds = sorted({details["type"] for details in error.errors(include_input=False)})
            raise ValueError(f"no {error.title}: {', '.join(kinds)}") from None


def data_converter(settings: TemporalSettings) -> DataConverter:
    """With encryption if there are keys."""
    in_clear = DataConverter(payload_converter_class=PayloadConverter)
    if (codec := settings.codec) is None:
        return in_clear
    return dataclasses.replace(
        in_clear,
        payload_codec=codec,
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )


async def connect(settings: TemporalSettings, interceptors: Sequence[Interceptor] = ()) -> Client:
    """A client for the server named by `TEMPORAL_*` or a profile; raises ServerUnreachable."""
    try:
        options = ClientConfig.load_client_connect_config()
    except Exception:  # the SDK's own type is not public, and its text shows what it could not read
        raise InvalidSettings(
            "Temporal's configuration cannot be read: check the profile"
            f" {os.environ.get('TEMPORAL_PROFILE', 'default')} in the file that"
            " TEMPORAL_CONFIG_FILE names, and the TEMPORAL_* variables"
        ) from None
    options.setdefault("target_host", LOCAL_SERVER)
    try:
        return await Client.connect(
            **options,
            data_converter=data_converter(settings),
            interceptors=interceptors,
            identity=settings.offers_user,  # the history shows it with each request
        )
    except RuntimeError as error:
        raise ServerUnreachable(
            f"no Temporal server answers at {options['target_host']}: start one, or set"
            f" TEMPORAL_ADDRESS or TEMPORAL_PROFILE ({_reason(error)})"
        ) from None


ADMINISTRATORS_ONLY = frozenset(
    {RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED, RPCStatusCode.UNAUTHENTICATED}
)
"""The answers of a server on which only administrators can add search attributes."""


async def register_search_attributes(client: Client) -> None:
    """Add our search attributes to the server; existing ones are kept.

    On Temporal Cloud only administrators can add them.
    """
    try:
        known = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
        missing = [key for key in KEYS if key.name not in known.custom_attributes]
        if missing:
            await add_search_attributes(client, missing)
    except RPCError as error:
        if error.status not in ADMINISTRATORS_ONLY:
            raise


async def add_search_attributes(client: Client, keys: Iterable[SearchAttributeKey[Any]]) -> None:
    """Add search attributes to the client's namespace."""
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace=client.namespace,
            search_attributes={
                key.name: IndexedValueType.ValueType(key.indexed_value_type) for key in keys
            },
        )
    )


def _reason(error: RuntimeError) -> str:
    # The SDK's text nests Rust structures; the innermost message says what happened.
    messages = re.findall(r'message: "([^"]+)"', str(error))
    return messages[-1] if messages else "no connection"
