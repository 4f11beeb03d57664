"""Counting of writes, and the classification of operations."""

from collections.abc import Iterator
from email.message import EmailMessage
from smtplib import SMTP
from urllib.parse import urlsplit

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError
from starlette.requests import Request
from starlette.responses import Response

from sandbox.faults import Fault
from sandbox.http import SimulatedSystem
from sandbox.operations import READS, WRITES, UnclassifiedOperation, is_write
from sandbox.salesforce.schema import OBJECTS
from sandbox.server import Sandbox
from sandbox.tests.support.aws_seller import Seller
from sandbox.tests.support.salesforce_org import OPPORTUNITY_ID, OrgClient


@pytest.fixture
def org(sandbox: Sandbox) -> Iterator[OrgClient]:
    org = OrgClient(sandbox)
    org.put_opportunity()
    with org.http:
        yield org


def test_reads_are_not_counted_as_writes(
    control: httpx.Client, seller: Seller, org: OrgClient
) -> None:
    org.query("SELECT Id FROM Opportunity")
    org.call("GET", f"/sobjects/Opportunity/{OPPORTUNITY_ID}")
    seller.catalog.list_entities(Catalog="AWSMarketplace", EntityType="Offer")
    seller.entity(seller.world.aws.product_id)
    seller.agreements.search_agreements(
        filters=[{"name": "AgreementType", "values": ["PurchaseAgreement"]}]
    )
    clazar = org.sandbox.addresses.clazar
    httpx.post(
        f"{clazar}/authenticate/",
        json={
            "client_id": org.world.clazar.oauth.client_id,
            "client_secret": org.world.clazar.oauth.client_secret,
        },
    )
    httpx.get(f"{clazar}/private_offers/")

    assert org.world.calls.total() == 7
    assert org.world.writes == 0
    assert control.get("/writes").json() == {"writes": 0, "operations": []}


def test_writes_are_counted(control: httpx.Client, seller: Seller, org: OrgClient) -> None:
    org.call("PATCH", f"/sobjects/Opportunity/{OPPORTUNITY_ID}", json={"Offer_Stage__c": "live"})
    created = org.call("POST", "/sobjects/Task", json={"Subject": "Call"}).json()
    org.call("PATCH", f"/sobjects/Task/{created['id']}", json={"Status": "Completed"})
    change_set_id = seller.start(seller.offer_changes())
    seller.catalog.cancel_change_set(Catalog="AWSMarketplace", ChangeSetId=change_set_id)
    mail = EmailMessage()
    mail["Subject"] = "Your offer"
    mail.set_content("Hello")
    server = urlsplit(org.sandbox.addresses.smtp)
    with SMTP(str(server.hostname), server.port or 0) as smtp:
        smtp.send_message(mail, "offers@example.com", ["buyer@example.com", "owner@example.com"])

    assert org.world.writes == 6
    assert control.get("/writes").json() == {
        "writes": 6,
        "operations": [
            {"system": system, "operation": operation, "count": 1}
            for system, operation in (
                ("catalog", "CancelChangeSet"),
                ("catalog", "StartChangeSet"),
                ("salesforce", "CreateTask"),
                ("salesforce", "UpdateOpportunity"),
                ("salesforce", "UpdateTask"),
                ("smtp", "DATA"),
            )
        ],
    }


def test_rejected_and_lost_writes_are_counted(seller: Seller, org: OrgClient) -> None:
    org.world.faults.waiting.append(Fault("catalog", "status", status=503))
    with pytest.raises(ClientError):
        seller.start(seller.offer_changes())
    org.call("POST", "/sobjects/Opportunity", json={"Name": "Example"})
    org.call("PATCH", "/sobjects/Lead/00Q000000000001AAA", json={})
    patch = httpx.patch(f"{org.sandbox.addresses.clazar}/contracts/unknown/", json={})

    assert patch.status_code == 401
    assert org.world.writes == 4


def test_no_operation_is_both_read_and_write() -> None:
    assert not WRITES & READS
    assert is_write("catalog", "StartChangeSet")
    assert not is_write("catalog", "DescribeChangeSet")


def test_an_unclassified_operation_cannot_be_added(sandbox: Sandbox) -> None:
    async def answer(_: Request) -> Response:
        return Response()

    wire = SimulatedSystem(sandbox.world, "clazar", lambda _: Response())
    with pytest.raises(
        UnclassifiedOperation, match="CreatePrivateOffer of clazar: add it to WRITES"
    ):
        wire.endpoint("CreatePrivateOffer", answer)
    with pytest.raises(UnclassifiedOperation):
        sandbox.world.count_call("clazar", "CreatePrivateOffer")
    assert not sandbox.world.calls


def test_an_unclassified_count_raises(sandbox: Sandbox) -> None:
    sandbox.world.calls["moon", "Land"] += 1
    with pytest.raises(UnclassifiedOperation, match="Land of moon"):
        _ = sandbox.world.writes


def test_operations_named_by_requests_are_classified() -> None:
    """Operations named by a request; all others are checked when the sandbox starts."""
    named = []
    for verb in ("Get", "Create", "Update"):
        named += [("salesforce", f"{verb}{each.name}") for each in OBJECTS.values()]
        named.append(("salesforce", f"{verb}Unknown"))

    assert set(named) <= WRITES | READS


def test_an_unknown_operation_is_counted_as_unknown(sandbox: Sandbox) -> None:
    client = boto3.Session("AKIAIOSFODNN7EXAMPLE", "example", region_name="us-east-1").client(
        "marketplace-agreement", endpoint_url=sandbox.addresses.agreement
    )
    with pytest.raises(ClientError, match="not simulated: AcceptAgreementRequest"):
        client.accept_agreement_request(agreementRequestId="some-request")
    assert sandbox.world.calls["agreement", "Unknown"] == 1
