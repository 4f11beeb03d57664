"""The connection to Temporal: addresses, profiles, TLS, API keys; search attributes."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from google.protobuf.message import Message
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    AddSearchAttributesResponse,
    ListSearchAttributesRequest,
    ListSearchAttributesResponse,
)
from temporalio.api.workflowservice.v1 import GetSystemInfoRequest, GetSystemInfoResponse
from temporalio.service import RPCError

from runtime.settings import InvalidSettings, TemporalSettings
from runtime.temporal import ServerUnreachable, connect, register_search_attributes
from tests.support.workflow_harness import environment_variables
from workflows.offer.search_attributes import KEYS

API_KEY = "an-api-key"


def serialize(message: Message) -> bytes:
    return message.SerializeToString()


@dataclass
class Server:
    """Answers as Temporal Cloud does, on which only administrators add search attributes."""

    port: int = 0
    search_attributes: Mapping[str, Any] = field(default_factory=dict)
    refusal: grpc.StatusCode = grpc.StatusCode.PERMISSION_DENIED
    metadata: list[Mapping[str, Any]] = field(default_factory=list)
    added: int = 0

    async def get_system_info(
        self, _request: GetSystemInfoRequest, context: Any
    ) -> GetSystemInfoResponse:
        self.metadata.append(dict(context.invocation_metadata()))
        return GetSystemInfoResponse()

    async def list_search_attributes(
        self, request: ListSearchAttributesRequest, context: Any
    ) -> ListSearchAttributesResponse:
        self.metadata.append(dict(context.invocation_metadata()) | {"namespace": request.namespace})
        return ListSearchAttributesResponse(custom_attributes=self.search_attributes)

    async def add_search_attributes(
        self, _request: AddSearchAttributesRequest, context: Any
    ) -> AddSearchAttributesResponse:
        self.added += 1
        await context.abort(self.refusal, "Request unauthorized.")
        raise AssertionError("abort raises")

    def handlers(self) -> list[grpc.GenericRpcHandler]:
        services: dict[str, dict[str, tuple[Any, Any]]] = {
            "temporal.api.workflowservice.v1.WorkflowService": {
                "GetSystemInfo": (self.get_system_info, GetSystemInfoRequest),
            },
            "temporal.api.operatorservice.v1.OperatorService": {
                "ListSearchAttributes": (self.list_search_attributes, ListSearchAttributesRequest),
                "AddSearchAttributes": (self.add_search_attributes, AddSearchAttributesRequest),
            },
        }
        return [
            grpc.method_handlers_generic_handler(
                service,
                {
                    name: grpc.unary_unary_rpc_method_handler(method, request.FromString, serialize)
                    for name, (method, request) in methods.items()
                },
            )
            for service, methods in services.items()
        ]


@asynccontextmanager
async def serving(authority: trustme.CA | None = None) -> AsyncIterator[Server]:
    """`authority`: of the server's certificate; None: without TLS."""
    service, server = Server(), grpc.aio.server()
    server.add_generic_rpc_handlers(service.handlers())
    if authority is None:
        service.port = server.add_insecure_port("127.0.0.1:0")
    else:
        certificate = authority.issue_cert("localhost")
        credentials = grpc.ssl_server_credentials(
            [
                (
                    certificate.private_key_pem.bytes(),
                    b"".join(each.bytes() for each in certificate.cert_chain_pems),
                )
            ]
        )
        service.port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        yield service
    finally:
        await server.stop(grace=None)


def environment(folder: Path, **variables: str) -> dict[str, str]:
    """Variables without a profile file of the user's."""
    return {"TEMPORAL_CONFIG_FILE": str(folder / "none.toml")} | variables


async def test_profile_with_tls_and_an_api_key(tmp_path: Path) -> None:
    authority, profiles = trustme.CA(), tmp_path / "temporal.toml"
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with serving(authority) as server:
        profiles.write_text(
            f"""
            [profile.production]
            address = "localhost:{server.port}"
            namespace = "offers.a1b2c"
            api_key = "{API_KEY}"
            [profile.production.tls]
            server_ca_cert_path = "{tmp_path / "ca.pem"}"
            """,
            encoding="utf-8",
        )
        chosen = {"TEMPORAL_CONFIG_FILE": str(profiles), "TEMPORAL_PROFILE": "production"}
        with environment_variables(chosen):
            client = await connect(TemporalSettings())
        await register_search_attributes(client)
    assert client.namespace == "offers.a1b2c"
    assert {each["authorization"] for each in server.metadata} == {f"Bearer {API_KEY}"}
    assert server.metadata[-1]["namespace"] == "offers.a1b2c"


async def test_variables_override_the_profile(tmp_path: Path) -> None:
    profiles = tmp_path / "temporal.toml"
    profiles.write_text(
        '[profile.default]\naddress = "127.0.0.1:1"\nnamespace = "other"\n', encoding="utf-8"
    )
    async with serving() as server:
        chosen = {
            "TEMPORAL_CONFIG_FILE": str(profiles),
            "TEMPORAL_ADDRESS": f"127.0.0.1:{server.port}",
            "TEMPORAL_NAMESPACE": "offers",
        }
        with environment_variables(chosen):
            client = await connect(TemporalSettings())
    assert client.namespace == "offers"
    assert len(server.metadata) == 1


async def test_server_with_a_certificate_of_another_authority(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    async with serving(trustme.CA()) as server:
        chosen = environment(
            tmp_path,
            TEMPORAL_ADDRESS=f"localhost:{server.port}",
            TEMPORAL_API_KEY=API_KEY,
            TEMPORAL_TLS_SERVER_CA_CERT_PATH=str(tmp_path / "ca.pem"),
        )
        with environment_variables(chosen), pytest.raises(ServerUnreachable) as raised:
            await connect(TemporalSettings())
    assert f"no Temporal server answers at localhost:{server.port}" in str(raised.value)
    assert API_KEY not in str(raised.value)
    assert not server.metadata, "the key was sent to a server that is not trusted"


async def test_profile_that_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "temporal.toml").write_text("[profile.default]\n", encoding="utf-8")
    chosen = {
        "TEMPORAL_CONFIG_FILE": str(tmp_path / "temporal.toml"),
        "TEMPORAL_PROFILE": "production",
    }
    with environment_variables(chosen), pytest.raises(InvalidSettings, match="production"):
        await connect(TemporalSettings())


@pytest.mark.parametrize("code", ["PERMISSION_DENIED", "UNIMPLEMENTED", "UNAUTHENTICATED"])
async def test_worker_starts_where_only_administrators_add_search_attributes(
    tmp_path: Path, code: str
) -> None:
    async with serving() as server:
        server.refusal = grpc.StatusCode[code]
        chosen = environment(tmp_path, TEMPORAL_ADDRESS=f"127.0.0.1:{server.port}")
        with environment_variables(chosen):
            client = await connect(TemporalSettings())
        await register_search_attributes(client)
        assert server.added == 1


async def test_search_attributes_that_exist_are_not_added(tmp_path: Path) -> None:
    async with serving() as server:
        server.search_attributes = {key.name: key.indexed_value_type for key in KEYS}
        chosen = environment(tmp_path, TEMPORAL_ADDRESS=f"127.0.0.1:{server.port}")
        with environment_variables(chosen):
            client = await connect(TemporalSettings())
        await register_search_attributes(client)
        assert not server.added


async def test_other_failure_of_adding_search_attributes_is_raised(tmp_path: Path) -> None:
    async with serving() as server:
        server.refusal = grpc.StatusCode.INVALID_ARGUMENT
        chosen = environment(tmp_path, TEMPORAL_ADDRESS=f"127.0.0.1:{server.port}")
        with environment_variables(chosen):
            client = await connect(TemporalSettings())
        with pytest.raises(RPCError, match="unauthorized"):
            await asyncio.wait_for(register_search_attributes(client), 10)
