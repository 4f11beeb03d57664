"""A plain HTTP client of the simulated Salesforce."""

import ssl
from typing import Any

import httpx

from sandbox.salesforce.records import put_opportunity
from sandbox.server import Sandbox

DATA = "/services/data/v66.0"
OPPORTUNITY_ID = "006000000000001AAA"


class OrgClient:
    """An HTTP client with an access token and the sandbox's certificate authority."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.world = sandbox.world
        trust = ssl.create_default_context(cafile=sandbox.addresses.salesforce_ca)
        self.http = httpx.Client(base_url=sandbox.addresses.salesforce, verify=trust, timeout=5)
        self.token = self.world.salesforce.oauth.issue_token()

    def call(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: Any
    ) -> httpx.Response:
        """An authenticated request below the data path."""
        authenticated = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        return self.http.request(method, f"{DATA}{path}", headers=authenticated, **options)

    def query(self, soql: str, **headers: str) -> httpx.Response:
        return self.call("GET", "/query", params={"q": soql}, headers=headers)

    def put_opportunity(self, **fields: Any) -> str:
        """Create or update an opportunity as a Salesforce user does; its id."""
        defaults = {"Id": OPPORTUNITY_ID, "Name": "Example", "StageName": "Closed Won"}
        record = put_opportunity(self.world, {**defaults, "CloseDate": "2026-03-01", **fields})
        return str(record["Id"])


def status_and_code(response: httpx.Response) -> tuple[int, str]:
    """HTTP status and code of a response with exactly one error."""
    (only,) = response.json()
    return response.status_code, only["errorCode"]
