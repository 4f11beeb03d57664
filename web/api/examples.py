"""Examples of what the API answers, for its description."""

from typing import Any

from web.api.bodies import OFFER, URL, Answer, Resumed

URL_PREFIX = "/api/v1/offers"

_FINDING = {
    "code": "not-annual",
    "severity": "approval",
    "field": "duration_months",
    "problem": "the contract is not for one year",
    "remedy": "Have it approved, or set duration_months to 12",
    "seen": "24",
    "source": "given",
    "role": "deal-desk",
    "rule": None,
}
_MONEY = {"amount": "120000.00", "currency": "USD"}
_ROW: dict[str, Any] = {
    "opportunity_id": OFFER,
    "stage": "shared",
    "since": "2026-12-01T09:00:00Z",
    "offer_id": "offer-4isthufus86rk",
    "agreement_id": None,
    "expires_at": "2026-12-31T23:59:59Z",
    "attention": None,
    "attention_since": None,
    "problem": None,
    "attentions": [],
    "company": "Example Inc.",
    "price": _MONEY,
    "owner_email": "jane@example.com",
    "owner_name": "Jane Doe",
    "last_day": "2026-12-31",
    "waits_for": "acceptance",
    "waits_until": "2026-12-31T23:59:59Z",
    "amendments": [],
    "expected": None,
    "invoiced": None,
    "paid_out": None,
    "overdue": None,
}
_ANSWER = {
    "offer": OFFER,
    "url": URL,
    "done": True,
    "stage": "draft",
    "revision": 1,
    "findings": [_FINDING],
}


Responses = dict[int | str, dict[str, Any]]


def _answers(example: Any, status: int = 200, **more: Any) -> Responses:
    return {status: {"content": {"application/json": {"example": example}}, **more}}


_LATER = {
    "description": "It goes on, and the offer shows what comes of it",
    "headers": {"Location": {"description": "Where to look", "schema": {"type": "string"}}},
}

ANSWERED = _answers(_ANSWER, model=Answer, description="Done") | _answers(
    _ANSWER | {"done": False, "stage": None, "revision": None, "findings": []},
    202,
    model=Answer,
    **_LATER,
)
LISTED = _answers({"offers": [_ROW], "next": "MDA2NWcwMDAwMEFiQ2RFQUFW", "problem": None})
SHOWN = _answers(
    {
        "opportunity_id": OFFER,
        "amendment": 0,
        "stage": "draft",
        "revision": 1,
        "offer_id": None,
        "company": "Example Inc.",
        "url": URL,
        "is_open": True,
        "problems": [],
        "actions": [
            {
                "kind": "cancel",
                "title": "Cancel the offer",
                "effect": "Ends the draft: nothing is created in AWS",
                "possible": True,
                "why_not": None,
                "url": f"{URL}/cancel",
            }
        ],
        "to_decide": [
            {
                "finding": "not-annual:1f3a9c0b52",
                "deal": "5d41402abc4b2a76b9719d911017c592",
                "problem": "duration_months [24]: the contract is not for one year.",
                "role": "deal-desk",
                "why_not": None,
            }
        ],
    }
)
PREFLIGHTED = _answers(
    {
        "refuses": False,
        "findings": [_FINDING],
        "company": "Example Inc.",
        "terms": {"duration_months": 24, "price": _MONEY},
        "sources": {"duration_months": "given", "price": "Amount"},
    }
)
RESUMED = _answers(
    {"found": 1, "done": True, "resumed": [OFFER], "rejected": []}, description="Done"
) | _answers(
    {"found": 1, "done": False, "resumed": [], "rejected": []}, 202, model=Resumed, **_LATER
)
REFUNDABLE = _answers(
    {
        "invoice_id": "INV-1",
        "amount": _MONEY,
        "adjustable": {"amount": "100000.00", "currency": "USD"},
        "issued_at": "2027-01-05T00:00:00Z",
    }
)
_NOTHING = {"amount": "0.00", "currency": "USD"}
PAID = _answers(
    {
        "lines": [
            {
                "offer": OFFER,
                "company": "Example Inc.",
                "offer_id": "offer-4isthufus86rk",
                "agreement_id": "agmt-1",
                "currency": "USD",
                "expected_amount": "116400.00",
                "expected_from": "2027-02-01",
                "expected_until": "2027-02-20",
                "waits_on": "collection",
                "overdue": False,
            }
        ],
        "totals": {"USD": {"invoiced": "120000.00", "disbursed": "0.00"}},
        "months": {
            "USD": {"2027-02-01": {"expected": _MONEY, "received": _NOTHING, "late": _NOTHING}}
        },
        "findings": [],
        "problem": None,
    }
)
RENEWED = _answers(
    {
        "agreements": [
            {
                "path": OFFER,
                "agreement_id": "agmt-1",
                "company": "Example Inc.",
                "price": _MONEY,
                "ends_at": "2027-12-31T23:59:59Z",
                "owner_email": "jane@example.com",
                "owner_name": "Jane Doe",
                "renewal": None,
            }
        ],
        "unreadable": [],
        "problem": None,
    }
)
