"""A client of the pretended Salesforce, as plain as HTTP allows."""

import ssl
from typing import Any

import httpx

from sandbox.salesforce.records import put_opportunity
from sandbox.server import Sandbox

DATA = "/services/data/v66.0"
OPPORTUNITY_ID = "006000000000001AAA"


class Org:
    """Holds a token and the trust in the sandbox's certificate."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.world = sandbox.world
        trust = ssl.create_default_context(cafile=sandbox.addresses.salesforce_ca)
        self.http = httpx.Client(base_url=sandbox.addresses.salesforce, verify=trust, timeout=5)
        self.token = self.world.salesforce.issue()

    def call(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **how: Any
    ) -> httpx.Response:
        """A signed-in request below the data path."""
        signed = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        return self.http.request(method, f"{DATA}{path}", headers=signed, **how)

    def query(self, soql: str, **headers: str) -> httpx.Response:
        return self.call("GET", "/query", params={"q": soql}, headers=headers)

    def put(self, **fields: Any) -> str:
        """Make or change an opportunity as a person in Salesforce does; its id."""
        defaults = {"Id": OPPORTUNITY_ID, "Name": "Example", "StageName": "Closed Won"}
        record = put_opportunity(self.world, {**defaults, "CloseDate": "2026-03-01", **fields})
        return str(record["Id"])


def error(response: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal, which must be the only one in its list."""
    (only,) = response.json()
    return response.status_code, only["errorCode"]
