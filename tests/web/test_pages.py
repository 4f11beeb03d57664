"""What pages show of the list of offers, and of what an offer answers: without any server."""

import asyncio
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from activities.preflight import DealPreview
from activities.temporal import offer_summaries
from activities.temporal.offer_summaries import ListedOffer
from client.listing import ResumableAttention
from client.offer_client import KnownOffer, OfferClient
from offers.findings import Finding, Severity
from offers.lifecycle.attentions import Attention, AttentionCode, Vendor
from offers.lifecycle.deal import Deal
from offers.lifecycle.record import OfferRecord
from offers.lifecycle.summary import OfferSummary
from offers.money import Money
from offers.reports.payouts import MonthTotals, months_between
from offers.stage import Stage
from tests.support.agreements import (
    THREE_INSTALLMENTS,
    accepted_offer,
    agreement_snapshot,
    propose_amendment,
)
from tests.support.builders import CONTACTS, NOW, refund, terms
from tests.support.console import console_of, read_again
from tests.support.deals import preflight_report
from tests.support.listed_offers import listed
from tests.support.requests import ID, record
from tests.support.sessions import PEOPLE, POLICY, csrf_in
from tests.support.workflow_harness import FILES
from web import reader
from web.identity import Actor, Kind
from web.pages.approvals import deal_facts
from web.pages.board import events
from web.pages.payouts import chart
from web.permissions import Role

OTHER = "0065g00000AbCd4AAV"


async def test_nothing_is_said_of_a_list_that_was_never_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader, "FIRST_READING", timedelta())
    async with console_of(None) as (browser, _):
        for path in ("/api/v1/offers", "/api/v1/payouts", "/api/v1/renewals"):
            refused = await browser.get(path)
            assert (refused.status_code, refused.json()["code"]) == (503, "list-unread"), path
            assert refused.headers["retry-after"] == "60"
        file = await browser.get("/payouts.csv")
        assert file.status_code == 503
        assert "has not been read yet" in file.text
        for path, claim in (
            ("/", "No offer is like this"),
            ("/?view=stages", "No offer is like this"),
            ("/approvals", "Nothing waits"),
            ("/payouts", "No offer has been accepted"),
            ("/payouts", "Nothing."),
            ("/payouts", "None."),
        ):
            page = await browser.get(path)
            assert page.status_code == 200
            assert "has not been read" in page.text, path
            assert claim not in page.text, path


async def test_money_that_cannot_be_read_is_not_left_out_in_silence() -> None:
    accepted = record(Stage.ACCEPTED, amendments=(), offer_id="offer-1")
    lost = record(Stage.ACCEPTED, amendments=(), opportunity_id=OTHER)
    async with console_of([listed(accepted), listed(lost, readable=False)]) as (browser, console):
        console.reader.problem = "Temporal does not answer (unavailable)"
        report = (await browser.get("/api/v1/payouts")).json()
        assert [line["offer"] for line in report["lines"]] == [ID]
        assert OTHER in report["findings"][0]
        renewals = (await browser.get("/api/v1/renewals")).json()
        assert {report["problem"], renewals["problem"]} == {console.reader.problem}
        page = await browser.get("/payouts")
        assert "1 accepted offer is missing in every sum" in page.text
        assert page.text.index("is missing in every sum") < page.text.index("Totals in USD")
        file = await browser.get("/payouts.csv")
        assert file.status_code == 503
        assert OTHER in file.text


CARRIED = "2026-09-02 40000; 2027-01-02 80000"
BOUND: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("company", {}, {"company": "Other Corp"}),
    ("buyer_accounts", {}, {"buyer_accounts": ["444455556666"]}),
    ("product_id", {}, {"product_id": "prod-examplesaas02"}),
    ("dimensions", {}, {"dimensions": "seats 20"}),
    ("price", {}, {"price": "110000.00 USD"}),
    ("payment_schedule", {"payment_schedule": CARRIED}, {"payment_schedule": THREE_INSTALLMENTS}),
    ("net_payment_days", {}, {"net_payment_days": 60}),
    ("duration_months", {}, {"duration_months": 24}),
    ("duration_months", {"agreement_end": "2027-03-05"}, {"duration_months": 24}),
    ("starts_on", {}, {"starts_on": "2026-05-01"}),
    ("agreement_end", {"agreement_end": "2027-03-05"}, {"agreement_end": "2027-04-05"}),
    ("eula", {}, {"eula": {"type": "custom", "documents": ["s3://contracts/one.pdf"]}}),
    (
        "eula",
        {"eula": {"type": "custom", "documents": ["s3://contracts/one.pdf"]}},
        {"eula": {"type": "custom", "documents": ["s3://contracts/two.pdf"]}},
    ),
    ("eula_sha256", {}, {"eula_sha256": "e3b0c442"}),
    ("renewal", {}, {"renewal": {"channel": "External"}}),
    (
        "renewal",
        {"renewal": {"channel": "External"}},
        {"renewal": {"channel": "External", "pricing_model": "Usage"}},
    ),
    ("buyer_email", {}, {"buyer_email": "other@example.com"}),
    ("buyer_name", {}, {"buyer_name": "Other Buyer"}),
]
"""Of each field of a deal: terms of an offer, and what is changed in it."""


def bound_offer(**changes: Any) -> OfferRecord:
    contacts = {n: changes.pop(n) for n in ("buyer_email", "buyer_name") if n in changes}
    checksum = changes.pop("eula_sha256", None)
    known = CONTACTS.model_dump() | contacts
    return record(Stage.DRAFT, contacts=known, eula_sha256=checksum, terms=terms(**changes))


@pytest.mark.parametrize(("field", "before", "change"), BOUND)
def test_approvers_see_all_that_a_decision_binds(
    field: str, before: dict[str, Any], change: dict[str, Any]
) -> None:
    one, other = bound_offer(**before), bound_offer(**before | change)
    assert getattr(one.deal, field) != getattr(other.deal, field)
    assert deal_facts(one, one.require_terms()) != deal_facts(other, other.require_terms())


def test_each_field_of_a_deal_is_compared() -> None:
    assert {field for field, _, _ in BOUND} == set(Deal.model_fields)


async def test_amendment_is_approved_with_its_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"additional_amount": "30000.00 USD", "unpaid_installments": "carry"}
    proposal = propose_amendment(given, snapshot=agreement_snapshot("30000"))
    amendment = record(
        Stage.DRAFT,
        amendment=1,
        amends=accepted_offer(),
        pricing=proposal.pricing,
        terms=terms(**proposal.facts),
        findings=(EXCEPTION, *proposal.findings),
        attentions=(attention(AttentionCode.APPROVAL_REQUIRED),),
        refunds=(refund(),),
    )
    answering(monkeypatch, amendment)
    async with console_of([listed(amendment)]) as (browser, _):
        page = (await browser.get("/approvals")).text
    for label, value in (*proposal.pricing.lines, ("Amendment", "1, of agmt-1")):
        assert f"<dt>{label}</dt><dd>{value}</dd>" in page
    assert "Look at the invoices of the agreement in AWS before approving" in page
    assert "invoice INV-1 of agmt-1" in page, "a refund is of an agreement"


EXCEPTION = Finding(
    code="not-annual",
    severity=Severity.APPROVAL,
    field="duration_months",
    problem="the contract is not for one year",
    remedy="Have it approved",
    role="deal-desk",
)


def attention(code: AttentionCode, vendor: Vendor | None = None) -> Attention:
    return Attention(code=code, problem="It waits", remedy="Look", since=NOW, vendor=vendor)


def without_temporal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The health page asks nothing of Temporal."""

    async def nothing(_: object) -> list[object]:
        return []

    monkeypatch.setattr("web.pages.health.check_connection", nothing)
    monkeypatch.setattr("web.pages.health.schedules.rows", nothing)


def answering(monkeypatch: pytest.MonkeyPatch, *records: OfferRecord) -> list[str]:
    """Offers answer with these records; gives the paths of those that were asked."""
    asked: list[str] = []
    known = {each.path: each for each in records}

    async def answer(_: OfferClient, path: str, *_more: object) -> OfferRecord:
        asked.append(path)
        return known[path]

    async def mails(*_: object) -> list[object]:
        return []

    async def know(_: OfferClient, path: str, *_more: object) -> KnownOffer:
        return KnownOffer(OfferSummary.of(known[path]), known[path], is_followed=True, problems=())

    monkeypatch.setattr(OfferClient, "record", answer)
    monkeypatch.setattr(OfferClient, "known", know)
    monkeypatch.setattr(OfferClient, "sent_mails", mails)
    return asked


async def test_offer_that_cannot_be_read_is_named_where_it_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting = record(Stage.DRAFT, attentions=(attention(AttentionCode.APPROVAL_REQUIRED),))
    asked = answering(monkeypatch, waiting)
    without_temporal(monkeypatch)
    async with console_of([listed(waiting, readable=False)]) as (browser, console):
        (row,) = console.reader.reading.rows
        assert row.attentions == (AttentionCode.APPROVAL_REQUIRED,)
        for path in ("/approvals", "/health", "/", "/?view=stages"):
            page = await browser.get(path)
            assert 'Approvals <span class="count">1</span>' in page.text
            content = page.text.partition("<main")[2].replace("<option>approval-required", "")
            assert f'href="/offers/{ID}"' in content, path
            assert "approval-required" in content, path
        listed_by = await browser.get("/api/v1/offers?attention=approval-required")
        assert listed_by.json()["offers"][0]["attentions"] == ["approval-required"]
    assert asked == [], "its record could not be read either"


@pytest.mark.parametrize(("action", "role"), [("approval", "deal-desk"), ("required", None)])
async def test_account_without_confirmation_is_approved_where_that_is_possible(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, action: str, role: str | None
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(f'seller_name = "Seller"\nconfirm_account = "{action}"\n', encoding="utf-8")
    severity = Severity.APPROVAL if role else Severity.REFUSE
    unconfirmed = EXCEPTION.model_copy(
        update={"code": "account-unconfirmed", "severity": severity, "role": role}
    )
    waiting = record(
        Stage.DRAFT,
        findings=(unconfirmed,),
        attentions=(attention(AttentionCode.ACCOUNT_UNCONFIRMED),),
    )
    answering(monkeypatch, waiting)
    settings = FILES | {"OFFERS_POLICY": str(file)}
    async with console_of([listed(waiting)], **settings) as (browser, _):
        approvals = (await browser.get("/approvals")).text
        offer = (await browser.get(f"/offers/{ID}")).text
    assert (f'href="/offers/{ID}"' in approvals) == (role is not None)
    assert ('Approvals <span class="count">1' in approvals) == (role is not None)
    assert ("To the approvals" in offer) == (role is not None)


async def test_button_resumes_the_offers_of_its_cause_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code = AttentionCode.VENDOR_REJECTED
    paths = {None: ID, Vendor.AWS: OTHER, Vendor.EMAIL: "0065g00000AbCd5AAV"}
    runs = [
        listed(record(Stage.SHARED, opportunity_id=path, attentions=(attention(code, vendor),)))
        for vendor, path in paths.items()
    ]
    resumed: list[list[str]] = []

    async def read(*_: object) -> list[ListedOffer]:
        return runs

    async def resume(_: OfferClient, found: list[ResumableAttention]) -> dict[str, str]:
        resumed.append([each.path for each in found])
        return {}

    without_temporal(monkeypatch)
    monkeypatch.setattr(offer_summaries, "list_offers", read)
    monkeypatch.setattr(OfferClient, "resume_all", resume)
    file = tmp_path / "policy.toml"
    file.write_text(POLICY, encoding="utf-8")
    operations = {"OFFERS_USER": PEOPLE[Role.OPERATIONS], "OFFERS_POLICY": str(file)}
    async with console_of(runs, **operations) as (browser, _):
        for vendor, path in paths.items():
            page = await browser.get("/health")
            form = {"csrf": csrf_in(page), "code": code, "vendor": vendor or ""}
            assert f'name="vendor" value="{vendor or ""}"' in page.text
            await browser.post("/health/resume", data=form)
            assert resumed[-1] == [path]


async def test_approvals_hear_of_what_waits_for_an_approver_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waiting = record(Stage.DRAFT, attentions=(attention(AttentionCode.APPROVAL_REQUIRED),))
    runs = [listed(waiting), listed(record(Stage.SHARED, opportunity_id=OTHER))]
    request = Request({"type": "http"}, receive=connected)
    reader_of_page = Actor(kind=Kind.LOCAL_OPERATOR, name="somebody")
    answering(monkeypatch, waiting)
    async with console_of(runs) as (browser, console):
        version = console.reader.reading.version
        live = f'data-live="/events?waiting=approval&amp;version={version}"'
        assert live in (await browser.get("/approvals")).text

        async def hears(runs: list[ListedOffer]) -> bool:
            """Whether a page that shows the list as it was hears of another reading."""
            before = console.reader.reading.version
            answer = await events(request, reader_of_page, console, before, waiting="approval")
            news = asyncio.ensure_future(anext(aiter(answer.body_iterator)))
            await asyncio.sleep(0)
            await read_again(console, runs)
            done, _ = await asyncio.wait({news}, timeout=0.1)
            news.cancel()
            return bool(done)

        others = [runs[0], listed(record(Stage.ACCEPTED, opportunity_id=OTHER))]
        assert not await hears(others)
        later = attention(AttentionCode.APPROVAL_REQUIRED).model_copy(update={"problem": "Other"})
        changed = listed(record(Stage.DRAFT, attentions=(later,)))
        assert await hears([changed, others[1]]), "what is to be decided has changed"
        assert await hears([others[1]]), "it is decided"
        assert await hears(others), "it waits again"


async def connected() -> dict[str, str]:
    await asyncio.sleep(60)
    return {"type": "http.disconnect"}


@pytest.mark.parametrize(
    ("today", "first", "last"),
    [
        (date(2026, 1, 20), "Jun 26", "Nov 27"),
        (date(2027, 6, 20), "Dec 26", "May 28"),
        (date(2031, 1, 20), "Dec 29", "May 31"),
        (date(2040, 1, 20), "Dec 29", "May 31"),
    ],
)
def test_chart_of_many_months_has_the_current_one(today: date, first: str, last: str) -> None:
    usd = Money.of(1000, "USD")
    sums = MonthTotals(expected=usd, received=usd, late=usd)
    months = dict.fromkeys(months_between(date(2026, 6, 1), date(2031, 5, 1)), sums)
    shown = chart("USD", months, today)
    labels = [label for _, label in shown.months]
    assert (labels[0], labels[-1], len(labels)) == (first, last, 18)
    assert shown.part
    assert shown.part.endswith(", 18 of 60 months")
    few = dict(list(months.items())[:18])
    assert chart("USD", few, today).part is None


@pytest.mark.parametrize(
    ("created", "message"),
    [
        (True, "The offer is started."),
        (False, "Nothing was started: there is this offer already. It is shared."),
    ],
)
async def test_offer_that_is_there_is_not_said_to_be_started(
    monkeypatch: pytest.MonkeyPatch, created: bool, message: str
) -> None:
    async def check(*_: object, **__: object) -> DealPreview:
        return DealPreview(report=preflight_report(), sources={})

    async def create(*_: object) -> bool:
        return created

    answering(monkeypatch, record(Stage.SHARED, amendments=()))
    monkeypatch.setattr(OfferClient, "preflight", check)
    monkeypatch.setattr(OfferClient, "create", create)
    async with console_of([]) as (browser, _):
        form = {"csrf": csrf_in(await browser.get("/new")), "opportunity": ID, "action": "create"}
        page = await browser.post("/new", data=form, follow_redirects=True)
    assert f'role="status">{message}</p>' in page.text
