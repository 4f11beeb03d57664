"""What calls of the API send and get."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticKnownError

from client.listing import OfferRow
from offers.agreements.agreement import CancellationReasonCode
from offers.findings import Finding
from offers.lifecycle.actions import ActionKind
from offers.lifecycle.attentions import AttentionCode, Vendor
from offers.money import Currency, Money
from offers.payouts.refund import RefundReason
from offers.policy.policy import CreationMethod
from offers.reports.payouts import MonthTotals
from offers.reports.renewals import EndingAgreement
from offers.stage import Stage

OFFER = "0065g00000AbCdEAAV"
URL = f"/api/v1/offers/{OFFER}"


def _numbers_as_text(value: Any) -> Any:
    """Terms as Temporal stores them: a number with decimals is text, as in a file of terms."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return {name: _numbers_as_text(each) for name, each in value.items()}
    return [_numbers_as_text(each) for each in value] if isinstance(value, list) else value


Terms = Annotated[
    dict[str, Any],
    BeforeValidator(_numbers_as_text),
    Field(
        description="Terms and contacts that overrule the opportunity's, by the names that"
        " docs/changes.md lists; `null` removes what was given before. Amounts are text",
        max_length=100,
    ),
]
TERMS = {"duration_months": 12, "price": {"amount": "110000.00", "currency": "USD"}}


class Body(BaseModel):
    """What a call sends; other names than these are refused."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _is_object(cls, value: Any) -> Any:
        # FastAPI lets pydantic read an object's attributes, and none of ours has to be there.
        if isinstance(value, Decimal):
            raise PydanticKnownError("dict_type")
        return value


def _example(example: Mapping[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [dict(example)]})


class NewOffer(Body):
    """An offer to create, or a deal to check."""

    model_config = _example({"opportunity": OFFER, "terms": TERMS})

    opportunity: str = Field(
        min_length=1,
        max_length=2000,
        description="The opportunity's id, or its address in Salesforce",
    )
    terms: Terms = {}
    method: CreationMethod | None = Field(
        None, description="Where AWS's offer is created; by default as the policy says"
    )


class NewOfferOrAgain(NewOffer):
    """An offer to create."""

    restart: bool = Field(
        False, description="Create a new offer if the opportunity's last one has ended"
    )


class Revision(Body):
    """Changed terms of a draft."""

    model_config = _example({"terms": TERMS})

    terms: Terms = {}
    method: CreationMethod | None = None


class Amendment(Body):
    """Changed terms of an offer that AWS has, or of its agreement."""

    model_config = _example({"terms": {"additional_amount": "30000.00 USD"}})

    terms: Terms = {}
    method: CreationMethod | None = None
    recreate: bool = Field(
        False, description="Create the offer again from the opportunity as it is now"
    )


class MoreTime(Body):
    """More time for the buyer."""

    model_config = _example({"until": "2027-01-31"})

    until: str = Field(max_length=40, description="The new last day (UTC), such as 2027-01-31")
    duration_months: int | None = Field(
        None, strict=True, description="A longer contract with it, where AWS needs one"
    )


class Cancel(Body):
    """A cancellation before the acceptance."""

    model_config = _example({"reason": "the customer buys another plan"})

    reason: str = Field("", max_length=2000, description="It goes on record")


class RequestCancellation(Body):
    """What the buyer is asked: to let the agreement be cancelled."""

    model_config = _example({"reason_code": "OTHER", "message": "As agreed on the phone."})

    reason_code: CancellationReasonCode
    message: str = Field(min_length=1, max_length=2000, description="The buyer reads it")


class LinkOffer(Body):
    """The offer that was created in Clazar."""

    model_config = _example({"offer_id": "offer-4isthufus86rk"})

    offer_id: str = Field(min_length=1, max_length=100)


class Resume(Body):
    """What has been seen to."""

    model_config = _example({"attention": "vendor-rejected"})

    attention: AttentionCode | None = Field(
        None, description="Which attention; may be left out if the offer has one"
    )


class ResumeAll(Body):
    """What has been seen to, for all offers that wait for it; give at least one."""

    model_config = _example({"attention": "credentials-rejected", "vendor": "salesforce"})

    attention: AttentionCode | None = None
    vendor: Vendor | None = None


class Decision(Body):
    """A decision about one exception or refund; `to_decide` of the offer has both references."""

    model_config = _example(
        {"finding": "not-annual:1f3a9c0b52", "deal": "9f2c…", "reason": "a good customer"}
    )

    finding: str = Field(min_length=1, max_length=200, description="Its reference")
    deal: str = Field(
        min_length=1,
        max_length=200,
        description="The digest of the deal as it was shown: a decision about another does not"
        " count",
    )
    reason: str = Field("", max_length=2000)


class Declined(Decision):
    """A decision against an exception or refund."""

    reason: str = Field(min_length=1, max_length=2000)


class RefundBody(Body):
    """A part of an invoice that the buyer gets back."""

    model_config = _example({"invoice_id": "INV-1", "amount": "500.00 USD", "reason": "OTHER"})

    invoice_id: str = Field(min_length=1, max_length=64)
    amount: str = Field(max_length=40, description='Before tax, such as "500.00 USD"')
    reason: RefundReason
    description: str | None = Field(
        None, min_length=1, max_length=500, description="AWS keeps it with the refund"
    )


OLD = Field(description="Why the list of offers may be old; null: it is not")


class Offers(BaseModel):
    """A page of the list of offers, by id."""

    offers: list[OfferRow]
    next: str | None = Field(description="The cursor of the next page; null: this is the last")
    problem: str | None = OLD


class PossibleAction(BaseModel):
    """What can, or cannot, be done with an offer now."""

    kind: ActionKind
    title: str
    effect: str = Field(description="What it will do")
    possible: bool
    why_not: str | None
    url: str | None = Field(description="Where to POST it")


class ToDecide(BaseModel):
    """An exception or a refund that waits for a decision."""

    finding: str = Field(description="Its reference: `finding` of the decision")
    deal: str = Field(description="`deal` of the decision")
    problem: str
    role: str | None = Field(description="Who decides")
    why_not: str | None = Field(description="Why the caller cannot; null: they can")


class ShownOffer(BaseModel):
    """An offer's whole record, as `offerflow show --json` prints it, and what can be done."""

    model_config = ConfigDict(extra="allow")

    opportunity_id: str
    amendment: int
    stage: Stage
    revision: int
    offer_id: str | None
    url: str
    is_open: bool = Field(description="Whether its workflow follows it")
    problems: list[str] = Field(description="What is wrong with the workflow itself")
    actions: list[PossibleAction]
    to_decide: list[ToDecide]


class Answer(BaseModel):
    """What came of a change."""

    offer: str = Field(description="The offer's path; of an amendment, the amendment's")
    url: str = Field(description="Where to look")
    done: bool = Field(description="False: it goes on, and the offer shows what comes of it")
    stage: Stage | None
    revision: int | None
    findings: list[Finding] = Field(description="What must be corrected or approved first")


class Preflight(BaseModel):
    """What a deal's preflight found."""

    refuses: bool = Field(description="Whether the offer could not be created like this")
    findings: list[Finding]
    company: str | None
    terms: dict[str, Any] | None = Field(description="null: a term is illegal in itself")
    sources: dict[str, str] = Field(
        description="Where each term comes from: a field of Salesforce, or `given`; the rest is the"
        " policy's"
    )


class NotResumed(BaseModel):
    """An attention that could not be resolved."""

    offer: str
    attention: AttentionCode
    problem: str


class Resumed(BaseModel):
    """What came of resuming many offers."""

    found: int
    done: bool
    resumed: list[str]
    rejected: list[NotResumed]


class Payouts(BaseModel):
    """The money of the accepted offers; amounts are text in the currency of their line or table."""

    lines: list[dict[str, Any]]
    totals: dict[Currency, dict[str, str]]
    months: dict[Currency, dict[date, MonthTotals]] = Field(
        description="By the first day of each month"
    )
    findings: list[str] = Field(description="What of the data cannot be read")
    problem: str | None = OLD


class Renewals(BaseModel):
    """The agreements that end soon, the first to end first."""

    agreements: list[EndingAgreement]
    unreadable: list[str] = Field(description="Offers whose agreements are not known")
    problem: str | None = OLD


class Refundable(BaseModel):
    """An invoice, and what of it AWS lets be refunded."""

    invoice_id: str
    amount: Money
    adjustable: Money | None = Field(description="null: AWS does not say")
    issued_at: datetime | None


Period = Annotated[
    str, Field(pattern=r"^[0-9]{1,4}[dw]?$", description="Days or weeks, such as 7d or 2w")
]
AnyAttention = Literal["any"]
