"""Each kind of item that can be wrong, over the real sandbox."""

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography.fernet import Fernet

from activities.aws.marketplace_lookup import MarketplaceLookup
from activities.aws.rights import try_reading
from runtime import clients
from runtime.checks import items
from runtime.checks.aws_account import check_aws
from runtime.checks.clazar_account import check_clazar
from runtime.checks.everything import check_everything
from runtime.checks.items import Check, CheckedItem, Result, Status, ok, run_checks
from runtime.checks.mail_server import check_mail
from runtime.checks.salesforce_org import check_salesforce
from runtime.checks.selling_policy import check_policy
from runtime.settings import WorkerSettings, read_settings
from sandbox.salesforce.metadata import Access, ObjectAccess
from sandbox.server import Sandbox
from sandbox.world import World
from tests.support.aws import Aws
from tests.support.eventbridge import PATTERN, eventbridge, make_queue
from tests.support.vendors import NOW
from tests.support.workflow_harness import environment_variables

ROOT = Path(__file__).parents[3]
DENIED = "AccessDeniedException"
CheckSystem = Callable[[WorkerSettings], Awaitable[list[CheckedItem]]]


async def check_mail_alone(settings: WorkerSettings) -> list[CheckedItem]:
    return await check_mail(settings, None)


async def check_mail_with_one(settings: WorkerSettings) -> list[CheckedItem]:
    return await check_mail(settings, "me@example.com")


ALL: list[CheckSystem] = [check_aws, check_clazar, check_salesforce, check_mail_alone, check_policy]


async def ask(check: CheckSystem) -> dict[str, CheckedItem]:
    """The items by name."""
    return {each.item: each for each in await check(read_settings(WorkerSettings))}


def change(setting: str, texts: dict[str, str]) -> None:
    """Replace texts in the file that a setting names."""
    file = Path(os.environ[setting])
    content = file.read_text(encoding="utf-8")
    for before, after in texts.items():
        assert before in content
        content = content.replace(before, after)
    file.write_text(content, encoding="utf-8")


def documented_rights() -> set[str]:
    """The actions of AWS Marketplace in the documented policy."""
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    policy = json.loads(page.partition("```json\n")[2].partition("```")[0])
    actions = {each for statement in policy["Statement"] for each in statement["Action"]}
    return {each for each in actions if each.startswith("aws-marketplace:")}


def sell(sandbox: Sandbox) -> None:
    """Create an offer and accept it."""
    processing = sandbox.world.aws.change_set_processing
    processing.preparing_minutes = processing.publish_minutes = 0
    settings, aws_clients = read_settings(WorkerSettings), clients.AwsClients()
    Aws(
        sandbox,
        clients.aws_marketplace(settings, aws_clients),
        clients.aws_agreements(settings, aws_clients),
        MarketplaceLookup(aws_clients.catalog, aws_clients.agreement),
        [NOW],
    ).accept_offer()


def wrong_items(found: dict[str, CheckedItem]) -> dict[str, str]:
    """Details of what is wrong, by item."""
    for each in found.values():
        assert (each.remedy is not None) is (each.status is Status.WRONG)
    return {name: each.detail for name, each in found.items() if each.status is Status.WRONG}


async def test_all_is_well_and_nothing_is_written(sandbox: Sandbox) -> None:
    for check in ALL:
        assert wrong_items(await ask(check)) == {}
    assert sandbox.world.writes == 0
    assert sandbox.world.mail.messages == []


def other_account(world: World) -> None:
    world.aws.caller_account = "999999999999"


def draft_product(world: World) -> None:
    world.aws.product_visibility = "Draft"


def vacant_task_right(world: World) -> None:
    world.salesforce.object_access["Task"] = ObjectAccess(createable=False, updateable=False)


@pytest.mark.parametrize(
    ("check", "spoil", "expected"),
    [
        (
            check_aws,
            lambda world: world.faults.sts.answer(403, code="InvalidClientTokenId"),
            {"account": "AWS Marketplace rejects our credentials (InvalidClientTokenId)"},
        ),
        (
            check_aws,
            other_account,
            {"product": "prod-examplesaas01 belongs to account 123456789012"},
        ),
        (
            check_aws,
            draft_product,
            {"product": "prod-examplesaas01 is Draft, and cannot be sold by private offers"},
        ),
        (
            check_aws,
            lambda world: [
                world.faults.catalog.answer(403, "ListChangeSets", code=DENIED, times=None),
                world.faults.agreement.answer(403, "SearchAgreements", code=DENIED, times=None),
                world.faults.s3.answer(403, "GetObject", code="AccessDenied", times=1),
            ],
            {
                "aws-marketplace:ListChangeSets": "AWS denies it",
                "aws-marketplace:DescribeChangeSet": "AWS denies it",
                "aws-marketplace:SearchAgreements": "AWS denies it",
                "aws-marketplace:DescribeAgreement": "AWS denies it",
                "aws-marketplace:GetAgreementEntitlements": "AWS denies it",
                "aws-marketplace:ListAgreementInvoiceLineItems": "AWS denies it",
                "aws-marketplace:ListBillingAdjustmentRequests": "AWS denies it",
                "aws-marketplace:GetBillingAdjustmentRequest": "AWS denies it",
                "s3:GetObject on example-offers/eula/": "AWS denies it",
            },
        ),
        (
            check_clazar,
            lambda world: world.faults.clazar.answer(401, "Authenticate", times=None),
            {"offers": "Clazar rejects our credentials (401)"},
        ),
        (
            check_salesforce,
            lambda world: world.faults.salesforce.answer(400, "Token", code="invalid_client"),
            {"token": "Salesforce rejects our credentials (invalid_client)"},
        ),
        (
            check_salesforce,
            lambda world: world.salesforce.access.update(
                {"Opportunity.Offer_Url__c": Access(readable=True, editable=False)}
            ),
            {"write.offer_url (Offer_Url__c)": "our user may not write it"},
        ),
        (
            check_salesforce,
            vacant_task_right,
            {"tasks": "our user may not create and complete tasks"},
        ),
        (
            check_mail_alone,
            lambda world: world.faults.smtp.answer(535, "AUTH", times=None),
            {"login": "The mail server rejects our credentials (535)"},
        ),
        (
            check_mail_with_one,
            lambda world: world.faults.smtp.answer(550, "RCPT"),
            {
                "delivery": "The mail server rejected the request: 550,"
                " it rejects the recipient's address"
            },
        ),
    ],
)
async def test_what_is_wrong_at_a_vendor(
    sandbox: Sandbox,
    check: CheckSystem,
    spoil: Callable[[World], Any],
    expected: dict[str, str],
) -> None:
    os.environ["SMTP_URL"] = os.environ["SMTP_URL"].replace("//", "//offers:secret-word@")
    os.environ["OFFERS_EULA_SOURCES"] = ""
    spoil(sandbox.world)
    assert wrong_items(await ask(check)) == expected


@pytest.mark.parametrize(
    ("check", "variables", "item", "detail"),
    [
        (
            check_aws,
            {"OFFERS_PRODUCT_ID": "prod-another"},
            "product",
            "AWS knows no prod-another",
        ),
        (
            check_aws,
            {"OFFERS_DIMENSION": "platform; seats x 5"},
            "dimension",
            "it has no dimension seats; it has platform",
        ),
        (
            check_aws,
            {"OFFERS_EULA_BUCKET": "no-such-bucket"},
            "s3:GetObject on no-such-bucket/eula/",
            "AWS Marketplace rejected the request: NoSuchBucket",
        ),
        (
            check_salesforce,
            {"SALESFORCE_LOGIN_URL": "https://localhost:1"},
            "token",
            "Salesforce: ConnectionError",
        ),
        (
            check_mail_alone,
            {"SMTP_URL": "smtp://127.0.0.1:1"},
            "login",
            "The mail server",
        ),
    ],
)
async def test_a_setting_that_is_wrong(
    sandbox: Sandbox, check: CheckSystem, variables: dict[str, str], item: str, detail: str
) -> None:
    os.environ.update(variables)
    assert wrong_items(await ask(check))[item].startswith(detail)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (
            {'finance = ["finance@example.com"]': "", 'operations = ["ops@example.com"]': ""},
            {
                "role finance": "nobody holds it, so nobody gets its mails",
                "role operations": "nobody holds it, so nobody gets its mails",
            },
        ),
        (
            {"ops@example.com": "ops@exmaple.com"},
            {"domains": "not the company's own: ops@exmaple.com"},
        ),
        (
            {'domains = ["example.com"]': ""},
            {"domains": "none are named: those of the people in [roles] are taken"},
        ),
    ],
)
async def test_policy(sandbox: Sandbox, lines: dict[str, str], expected: dict[str, str]) -> None:
    change("OFFERS_POLICY", lines)
    assert wrong_items(await ask(check_policy)) == expected


async def test_confirmation_needs_an_address_and_keys(sandbox: Sandbox) -> None:
    asks = 'seller_name = "Seller"\nconfirm_account = "required"\n'
    change("OFFERS_POLICY", {"domains =": f"{asks}domains ="})
    problem = " is not set, and the policy has buyers confirm their account"

    async def unset() -> str:
        return wrong_items(await ask(check_policy))["account confirmation"].partition(problem)[0]

    assert await unset() == "OFFERS_CONSOLE_URL"
    os.environ["OFFERS_CONSOLE_URL"] = "https://offers.example.com"
    assert await unset() == "OFFERS_LINK_KEYS"
    os.environ["OFFERS_LINK_KEYS"] = Fernet.generate_key().decode()
    assert wrong_items(await ask(check_policy)) == {}


async def test_a_sender_with_another_domain(sandbox: Sandbox) -> None:
    os.environ["MAIL_FROM"] = "Offers <offers@example.org>"
    assert wrong_items(await ask(check_policy)) == {
        "domains": "not the company's own: offers@example.org (MAIL_FROM)"
    }


async def test_all_rights_are_tried_within_the_rates_of_aws(sandbox: Sandbox) -> None:
    sell(sandbox)
    sandbox.world.aws.throttle = True
    before = sandbox.world.calls["agreement", "SearchAgreements"]
    assert wrong_items(await ask(check_aws)) == {}
    assert sandbox.world.calls["agreement", "SearchAgreements"] - before == 1


async def test_the_condition_of_the_field_map_is_tried(sandbox: Sandbox) -> None:
    change("OFFERS_FIELDS", {"StageName =": "Statge__c ="})
    found = wrong_items(await ask(check_salesforce))
    assert list(found) == ["intake"]
    assert "there is no field Statge__c" in found["intake"]
    change("OFFERS_FIELDS", {"Statge__c = 'Closed Won'": "StageName = Closed Won"})
    intake = (await ask(check_salesforce))["intake"]
    assert intake.detail.startswith("Salesforce rejected the request: MALFORMED_QUERY")
    assert intake.remedy == "Correct ready in the field map: it must be a SOQL condition"


async def test_several_currencies_that_the_map_does_not_read(sandbox: Sandbox) -> None:
    change("OFFERS_FIELDS", {'currency = "CurrencyIsoCode"': ""})
    assert wrong_items(await ask(check_salesforce)) == {
        "read.currency (CurrencyIsoCode)": "the org has several currencies, and every amount is"
        " read as USD"
    }


async def test_seller_data_feed(sandbox: Sandbox) -> None:
    change("OFFERS_POLICY", {"[roles]": '[payouts]\nsource = "aws"\n[roles]'})
    del os.environ["OFFERS_FEED_BUCKET"]
    assert "seller data feed" in wrong_items(await ask(check_aws))
    os.environ["OFFERS_FEED_BUCKET"] = "example-feed"
    found = await ask(check_aws)
    assert found["s3:ListBucket on example-feed"].status is Status.OK
    assert found["s3:GetObject on example-feed"].status is Status.NOT_CHECKED
    sandbox.world.faults.s3.answer(403, "ListObjectsV2", code="AccessDenied", times=None)
    assert wrong_items(await ask(check_aws)) == {
        "s3:ListBucket on example-feed": "AWS denies it",
        "s3:GetObject on example-feed": "AWS denies it",
    }


async def test_event_queue(sandbox: Sandbox) -> None:
    item = "event queue (sqs:GetQueueAttributes)"
    with eventbridge() as endpoint:
        queue = make_queue(endpoint, PATTERN)
        variables = {"AWS_ENDPOINT_URL_SQS": endpoint, "OFFERS_EVENTS_QUEUE_URL": queue.url}
        with environment_variables(variables):
            assert (await ask(check_aws))[item].status is Status.OK
        other = {**variables, "OFFERS_EVENTS_QUEUE_URL": f"{queue.url}-other"}
        with environment_variables(other):
            assert "NonExistentQueue" in wrong_items(await ask(check_aws))[item]
        dead_letters = {**variables, "OFFERS_EVENTS_QUEUE_URL": queue.dead_letters}
        with environment_variables(dead_letters):
            assert "no redrive policy" in wrong_items(await ask(check_aws))[item]


def test_object_that_may_be_read_where_listing_is_not_allowed() -> None:
    """S3 then refuses to say that there is no such object, and names the right to list."""

    class S3:
        def __init__(self, missing: str) -> None:
            self.missing = missing

        def get_object(self, **_: str) -> None:
            message = f"User: x is not authorized to perform: {self.missing} on resource: y"
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": message}}, "GetObject")

    try_reading(S3("s3:ListBucket"), "bucket", "eula/")
    with pytest.raises(ClientError):
        try_reading(S3("s3:GetObject"), "bucket", "eula/")


async def test_rights_are_tried_on_what_exists(sandbox: Sandbox) -> None:
    found = await ask(check_aws)
    assert found["aws-marketplace:DescribeAgreement"].detail == "there is no agreement yet"
    assert found["aws-marketplace:StartChangeSet"].status is Status.NOT_CHECKED
    assert {name for name in found if name.startswith("aws-marketplace:")} == documented_rights()

    sell(sandbox)
    found = await ask(check_aws)
    assert found["aws-marketplace:DescribeAgreement"].status is Status.OK
    assert found["aws-marketplace:ListAgreementInvoiceLineItems"].status is Status.OK
    assert found["aws-marketplace:ListBillingAdjustmentRequests"].status is Status.OK
    assert found["aws-marketplace:DescribeChangeSet"].status is Status.OK


async def test_a_system_that_does_not_answer_hides_no_other(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(items, "ITEM_SECONDS", 2.0)
    os.environ["TEMPORAL_ADDRESS"] = "127.0.0.1:1"
    sandbox.world.faults.clazar.add("timeout_before", times=None, delay_seconds=60)
    found = await check_everything()
    by_name = {f"{each.system} {each.item}": each for each in found}
    assert by_name["Clazar offers"].detail == "no answer within 2 seconds"
    assert by_name["Temporal server"].status is Status.WRONG
    assert by_name["Salesforce fields"].status is Status.OK
    assert {each.system for each in found} == {
        *("Temporal", "AWS", "Clazar", "Salesforce", "Mail", "Policy"),
    }


async def test_a_check_that_fails_by_itself_is_an_item() -> None:
    def fails() -> list[Result]:
        raise KeyError("secret")

    broken, fine = await run_checks(
        [Check("AWS", "a", fails), Check("AWS", "b", lambda: [ok("fine")])]
    )
    assert (broken.status, broken.detail) == (Status.WRONG, "the check itself failed (KeyError)")
    assert fine.status is Status.OK


async def test_settings_that_are_missing_are_items_and_temporal_is_asked(
    sandbox: Sandbox,
) -> None:
    os.environ["TEMPORAL_ADDRESS"] = "127.0.0.1:1"
    del os.environ["CLAZAR_CLIENT_ID"], os.environ["MAIL_FROM"]
    found = {each.item: each for each in await check_everything()}
    assert set(found) == {"CLAZAR_CLIENT_ID", "MAIL_FROM", "server"}
    assert found["MAIL_FROM"].detail.startswith("MAIL_FROM is not set")


async def test_no_secret_is_in_the_report(sandbox: Sandbox) -> None:
    os.environ["TEMPORAL_ADDRESS"] = "127.0.0.1:1"
    os.environ["SMTP_URL"] = os.environ["SMTP_URL"].replace("//", "//offers:secret-word@")
    for system in (sandbox.world.faults.smtp, sandbox.world.faults.salesforce):
        system.answer(535 if system is sandbox.world.faults.smtp else 400, times=None)
    report = json.dumps([each.model_dump() for each in await check_everything()])
    for name in ("AWS_SECRET_ACCESS_KEY", "CLAZAR_CLIENT_SECRET", "SALESFORCE_CLIENT_SECRET"):
        assert os.environ[name] not in report
    assert "secret-word" not in report
