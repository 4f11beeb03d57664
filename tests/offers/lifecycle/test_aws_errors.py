"""AWS's refusals: the field that each names, and what to do about it."""

import pytest

from offers.lifecycle.aws_errors import EXPLANATIONS, AwsError, explain
from offers.terms.terms import TERM_FIELDS

OTHERS = {"price.currency", "offer", "seller", "state", "terms"}


CODES = {
    "buyer_accounts": {
        "INVALID_BUYER_ACCOUNTS",
        "INCOMPATIBLE_BUYER_ACCOUNTS",
        "TOO_MANY_BUYER_ACCOUNTS",
        "MISSING_BUYER_ACCOUNTS",
        "INCOMPATIBLE_TARGETING",
        "INVALID_COUNTRY_CODES",
    },
    "product_id": {
        "INCOMPATIBLE_PRODUCT",
        "INCOMPATIBLE_AGREEMENT",
        "INCOMPATIBLE_PRICING_MODEL",
    },
    "seller": {
        "INCOMPATIBLE_SELLER_VERIFICATION",
        "INVALID_TAX_INFORMATION",
    },
    "price.currency": {
        "INCOMPATIBLE_PAYMENT_SETTINGS",
        "INVALID_CURRENCY_CODE",
        "INCOMPATIBLE_CURRENCY_CODE",
    },
    "dimensions": {
        "INVALID_RATE_CARD",
        "DUPLICATE_DIMENSION_KEYS",
        "INVALID_GRANTS",
        "TOO_MANY_GRANTS",
    },
    "duration_months": {
        "INVALID_SELECTOR_DURATION_VALUE",
        "INVALID_AGREEMENT_DURATION",
        "INVALID_DURATION",
        "INVALID_AGREEMENT_END_DATE",
        "INCOMPATIBLE_AGREEMENT_END_DATE",
        "INVALID_AGREEMENT_TIME_INTERVAL",
        "MISSING_AGREEMENT_START_DATE",
    },
    "payment_schedule": {
        "INVALID_CHARGE_DATES",
        "DUPLICATE_CHARGE_DATES",
        "TOO_MANY_BACKDATED_CHARGES",
        "TOO_MANY_CHARGES",
    },
    "net_payment_days": {
        "INVALID_PAYMENT_DUE_PERIOD",
    },
    "starts_on": {
        "INVALID_AGREEMENT_START_DATE",
        "INCOMPATIBLE_AGREEMENT_START_DATE",
    },
    "renewal": {
        "INCOMPATIBLE_PRE_EXISTING_AGREEMENT",
    },
    "availability_end": {
        "INVALID_AVAILABILITY_END_DATE",
        "MISSING_AVAILABILITY_END_DATE",
    },
    "eula": {
        "INVALID_LEGAL_DOCUMENTS",
        "LIMIT_EXCEEDED_LEGAL_DOCUMENT_SIZE",
    },
    "terms": {
        "MISSING_MANDATORY_TERMS",
        "INCOMPATIBLE_TERMS",
    },
    "offer_name": {
        "MISSING_NAME",
        "MISSING_DESCRIPTION",
    },
    "offer": {
        "SERVER_FAULT",
        "CANCELLED",
    },
    "state": {
        "INVALID_UPDATE_REQUEST",
    },
}
"""By field, AWS's codes (AWS: Catalog API, error codes of change sets)."""


def test_field_of_each_code() -> None:
    explained = {field: set[str]() for field in CODES}
    for code, (field, _, _) in EXPLANATIONS.items():
        explained[field].add(code)
    assert explained == CODES


@pytest.mark.parametrize("code", EXPLANATIONS)
def test_explanation_names_a_field(code: str) -> None:
    assert EXPLANATIONS[code][0] in TERM_FIELDS | OTHERS


def test_code_is_explained_with_the_words_of_aws() -> None:
    finding = explain(AwsError(code="INVALID_GRANTS", message="There is no such grant."))
    assert finding.field == "dimensions"
    assert finding.problem.endswith("(AWS: INVALID_GRANTS, There is no such grant)")


def test_unknown_code_names_the_change() -> None:
    unknown = AwsError(code="NEW", message="No", change_type="UpdateTargeting")
    assert explain(unknown).field == "UpdateTargeting"
    assert explain(unknown.model_copy(update={"change_type": None})).field == "offer"
