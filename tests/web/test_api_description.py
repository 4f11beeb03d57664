"""The description of the API is complete, and true of what the API does."""

import asyncio
import json
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from tests.support.api import add_key, api
from tests.support.console import console_of, running_console
from tests.support.offer_environment import OfferEnvironment
from tests.support.openid_provider import OpenIdProvider
from tests.support.workflow_harness import opportunity_fields
from web import console as console_module
from web.api.api import description
from web.api.bodies import OFFER
from web.permissions import Permission

ROOT = Path(__file__).parents[2]

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance,negative_data_rejection,"
    "missing_required_header,unsupported_method,allow_header_conformance,ignored_auth"
)
"""Not `positive_data_acceptance`: which opportunities and terms there are, no schema says."""


def operations() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in description()["paths"].items()
        for method, operation in methods.items()
    ]


@pytest.mark.parametrize(("name", "operation"), operations())
def test_operation_has_an_example_of_each_answer_that_fits(
    name: str, operation: dict[str, Any]
) -> None:
    components = {"components": description()["components"]}
    assert operation["description"]
    assert operation["tags"]
    assert {"401", "403", "422", "429", "503"} <= set(operation["responses"])
    for status, answer in operation["responses"].items():
        (kind,) = answer["content"]
        assert kind == ("application/json" if int(status) < 400 else "application/problem+json")
        content = answer["content"][kind]
        jsonschema.validate(content["example"], content["schema"] | components)
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = components["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
        (example,) = schema["examples"]
        jsonschema.validate(example, schema | components)


def test_page_names_each_call_with_its_scope_and_true_examples() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z]+) (/\S*)` \| `([a-z-]+)` \|", page, flags=re.MULTILINE)
    assert {f"{method} /api/v1{path}" for method, path, _ in rows} == {n for n, _ in operations()}
    assert {scope for _, _, scope in rows} == set(Permission)
    answered, problem = map(json.loads, re.findall(r"```json\n(.*?)```", page, flags=re.DOTALL))
    create = dict(operations())["POST /api/v1/offers"]["responses"]
    assert create["201"]["content"]["application/json"]["example"] == answered
    assert create["422"]["content"]["application/problem+json"]["example"] == problem


async def test_description_is_served_to_everybody() -> None:
    async with console_of([]) as (anybody, _):
        answer = await anybody.get("/api/v1/openapi.json")
    assert answer.json() == description()
    assert answer.json()["openapi"] == "3.1.0"


@pytest.mark.long
async def test_api_does_what_its_description_says(
    environment: OfferEnvironment, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of calls, right and wrong, none of which is answered otherwise than described."""
    monkeypatch.setattr(console_module, "ANSWER_WITHIN", timedelta(seconds=3))
    environment.world.salesforce.put_opportunity(opportunity_fields(OFFER))
    settings = OpenIdProvider("http://127.0.0.1:9").settings("http://localhost")
    policy = tmp_path / "everything.toml"
    roles = ("deal-desk", "legal", "finance", "operations")
    named = "\n".join(f'{role} = ["all@example.com"]' for role in roles)
    policy.write_text(f"[roles]\n{named}\n", encoding="utf-8")
    settings |= {"OFFERS_API_KEYS": str(keys), "OFFERS_POLICY": str(policy)}
    # On a busy machine the sandbox may take longer than ANSWER_WITHIN: 503, as described.
    (tmp_path / "schemathesis.toml").write_text(
        '[checks.not_a_server_error]\nexpected-statuses = ["2xx", "3xx", "4xx", 503]\n',
        encoding="utf-8",
    )
    async with running_console(environment.temporal_client, **settings) as console:
        key = add_key(keys, "own", person="all@example.com")
        async with api(console.url, key) as program:
            created = await program.post("/offers", json={"opportunity": OFFER})
            assert created.status_code in (201, 202)
        process = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-m",
                "schemathesis.cli",
                "run",
                f"{console.url}/api/v1/openapi.json",
            ),
            *("--header", f"Authorization: Bearer {key}", "--checks", CHECKS, "--seed", "1"),
            *("--phases", "examples,coverage,fuzzing", "--mode", "all", "--max-examples", "3"),
            *("--generation-database", "none", "--continue-on-failure"),
            cwd=tmp_path,
            # Its tables of characters take seconds to make; each call reads all variables.
            env={"HYPOTHESIS_STORAGE_DIRECTORY": str(ROOT / ".hypothesis")},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()[-10_000:]
