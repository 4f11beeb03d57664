"""Every call that docs/sandbox.md lists, made with the vendor's own client."""

import re
import smtplib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import requests
from botocore.config import Config
from simple_salesforce.api import Salesforce

from sandbox.marketplace import buyers
from sandbox.server import Sandbox
from sandbox.tests.support.aws_seller import BUYER, CATALOG, SESSION, Seller

PAGE = Path(__file__).parents[2] / "docs" / "sandbox.md"


def documented() -> set[tuple[str, str]]:
    """By (system, operation)."""
    section = PAGE.read_text(encoding="utf-8").partition("## Calls")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|", section, re.MULTILINE)
    return {(system, name) for system, names in rows for name in re.findall(r"`(\w+)`", names)}


def test_the_page_lists_what_is_simulated(sandbox: Sandbox) -> None:
    assert documented() == sandbox.world.operations


def test_every_call_works_with_the_vendors_client(sandbox: Sandbox, seller: Seller) -> None:
    call_catalog_and_agreements(seller)
    call_s3(sandbox)
    call_sts(sandbox)
    call_clazar(sandbox, seller)
    call_salesforce(sandbox)
    send_mail(sandbox)

    assert set(sandbox.world.calls) == documented()


def call_catalog_and_agreements(seller: Seller) -> None:
    catalog, agreements = seller.catalog, seller.agreements
    offer_id = seller.create_offer()
    assert seller.entity(offer_id)["DetailsDocument"]["State"] == "Released"
    assert catalog.list_entities(Catalog=CATALOG, EntityType="Offer")["EntitySummaryList"]
    assert catalog.list_change_sets(Catalog=CATALOG)["ChangeSetSummaryList"]
    second = seller.start(seller.offer_changes())
    catalog.cancel_change_set(Catalog=CATALOG, ChangeSetId=second)

    agreement_id = buyers.accept(seller.world, offer_id, BUYER).id
    purchases = [
        {"name": "PartyType", "values": ["Proposer"]},
        {"name": "AgreementType", "values": ["PurchaseAgreement"]},
    ]
    found = agreements.search_agreements(catalog=CATALOG, filters=purchases)
    assert [each["agreementId"] for each in found["agreementViewSummaries"]] == [agreement_id]
    assert agreements.describe_agreement(agreementId=agreement_id)["status"] == "ACTIVE"
    assert agreements.get_agreement_entitlements(agreementId=agreement_id)["agreementEntitlements"]
    lines = agreements.list_agreement_invoice_line_items(
        agreementId=agreement_id, groupBy="INVOICE_ID"
    )
    assert lines["agreementInvoiceLineItemGroupSummaries"]
    asked = agreements.send_agreement_cancellation_request(
        agreementId=agreement_id, reasonCode="OTHER", description="A test"
    )
    request_id = asked["agreementCancellationRequestId"]
    shown = agreements.get_agreement_cancellation_request(
        agreementId=agreement_id, agreementCancellationRequestId=request_id
    )
    assert shown["status"] == "PENDING_APPROVAL"
    assert agreements.list_agreement_cancellation_requests(
        partyType="Proposer", agreementId=agreement_id
    )["items"]
    (invoice,) = lines["agreementInvoiceLineItemGroupSummaries"]
    entry = {
        "agreementId": agreement_id,
        "originalInvoiceId": invoice["invoiceId"],
        "adjustmentAmount": "1.00",
        "currencyCode": "USD",
        "adjustmentReasonCode": "OTHER",
        "clientToken": "token",
    }
    (taken,) = agreements.batch_create_billing_adjustment_request(
        billingAdjustmentRequestEntries=[entry]
    )["items"]
    adjustment_id = taken["billingAdjustmentRequestId"]
    assert agreements.get_billing_adjustment_request(
        agreementId=agreement_id, billingAdjustmentRequestId=adjustment_id
    )["status"]
    assert agreements.list_billing_adjustment_requests(agreementId=agreement_id)["items"]


def call_s3(sandbox: Sandbox) -> None:
    config = Config(s3={"addressing_style": "path"})
    s3 = SESSION.client("s3", endpoint_url=sandbox.addresses.s3, config=config)
    bucket = sandbox.world.aws.storage.buckets[0]
    s3.put_object(Bucket=bucket, Key="eula.txt", Body=b"text")
    assert s3.get_object(Bucket=bucket, Key="eula.txt")["Body"].read() == b"text"
    assert s3.head_object(Bucket=bucket, Key="eula.txt")["ContentLength"] == 4
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    assert len(s3.list_object_versions(Bucket=bucket)["Versions"]) == 1
    s3.delete_object(Bucket=bucket, Key="eula.txt")


def call_clazar(sandbox: Sandbox, seller: Seller) -> None:
    seller.clock.advance(hours=1)
    with httpx.Client(base_url=sandbox.addresses.clazar) as client:
        oauth = sandbox.world.clazar.oauth
        credentials = {"client_id": oauth.client_id, "client_secret": oauth.client_secret}
        token = client.post("/authenticate/", json=credentials).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        (offer,) = client.get("/private_offers/").json()["results"]
        path = f"/private_offers/{offer['id']}/"
        client.patch(path, json={"custom_properties": {"a": "1"}}).raise_for_status()
        assert client.get(path).json()["custom_properties"] == {"a": "1"}
        dataset = "/analytics/datasets/aws_marketplace_disbursements"
        assert client.get(dataset).json()["count"] == 1


def call_sts(sandbox: Sandbox) -> None:
    sts = SESSION.client("sts", endpoint_url=sandbox.addresses.sts)
    assert sts.get_caller_identity()["Account"] == sandbox.world.aws.seller_account


def call_salesforce(sandbox: Sandbox) -> None:
    org: Any = sandbox.world.salesforce
    org.put_opportunity({"Id": "006000000000001AAA", "Name": "Example"})
    session = requests.Session()
    session.trust_env = False
    session.verify = sandbox.addresses.salesforce_ca
    form = {
        "grant_type": "client_credentials",
        "client_id": org.oauth.client_id,
        "client_secret": org.oauth.client_secret,
    }
    address = f"{sandbox.addresses.salesforce}/services/oauth2/token"
    token = session.post(address, data=form).json()
    client: Any = Salesforce(
        session_id=token["access_token"],
        instance_url=token["instance_url"],
        version="66.0",
        session=session,
    )
    client.Opportunity.update("006000000000001AAA", {"Offer_Stage__c": "live"})
    task = client.Task.create({"Subject": "Call"})
    client.Task.update(task["id"], {"Status": "Completed"})
    assert client.query("SELECT Offer_Stage__c FROM Opportunity")["totalSize"] == 1
    assert client.Opportunity.describe()["name"] == "Opportunity"


def send_mail(sandbox: Sandbox) -> None:
    server = urlsplit(sandbox.addresses.smtp)
    with smtplib.SMTP(str(server.hostname), server.port or 0) as smtp:
        smtp.login("offers", "example")
        smtp.sendmail("offers@example.com", ["buyer@example.com"], "Subject: An offer\n\nText")
    assert len(sandbox.world.mail.messages) == 1
