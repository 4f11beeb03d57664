"""AWS's refusals in plain words: what each error code means and what to do about it.

The codes are those of AWS: work-with-private-offers.
"""

from offers.findings import Finding
from offers.model import FrozenModel


class AwsError(FrozenModel):
    """One error of a refused change, in AWS's words."""

    code: str
    message: str
    change_type: str | None = None
    """The change it belongs to, such as `UpdateTargeting`; None for the set as a whole."""


_ASK_ACCOUNT = (
    "Ask the buyer for the 12-digit id of the management account, and revise buyer_accounts"
)
_SELLER_SETUP = "Ask whoever runs the AWS Marketplace Management Portal to set it up, then resume"
_OUR_FAULT = "Report it to the engineers with the code: the product built a request AWS forbids"

EXPLANATIONS: dict[str, tuple[str, str, str]] = {
    # code: (field, problem, remedy)
    "INVALID_BUYER_ACCOUNTS": (
        "buyer_accounts",
        "AWS does not know this account",
        _ASK_ACCOUNT,
    ),
    "INCOMPATIBLE_BUYER_ACCOUNTS": (
        "buyer_accounts",
        "AWS does not let this account buy this product",
        _ASK_ACCOUNT,
    ),
    "TOO_MANY_BUYER_ACCOUNTS": ("buyer_accounts", "there are too many buyer accounts", _OUR_FAULT),
    "MISSING_BUYER_ACCOUNTS": ("buyer_accounts", "no buyer account was given", _OUR_FAULT),
    "INCOMPATIBLE_TARGETING": (
        "buyer_accounts",
        "the buyer of this offer cannot be set or changed",
        "Cancel this offer and start it again",
    ),
    "INVALID_COUNTRY_CODES": ("buyer_accounts", "a country code is wrong", _OUR_FAULT),
    "INCOMPATIBLE_PRODUCT": (
        "product_id",
        "the product has no public offer, or is not a SaaS contract product",
        _SELLER_SETUP,
    ),
    "INCOMPATIBLE_AGREEMENT": (
        "product_id",
        "the agreement cannot be replaced by this offer",
        _OUR_FAULT,
    ),
    "INCOMPATIBLE_SELLER_VERIFICATION": (
        "seller",
        "AWS has not finished verifying us as a seller",
        _SELLER_SETUP,
    ),
    "INCOMPATIBLE_PAYMENT_SETTINGS": (
        "price.currency",
        "our payout settings have no bank account for this currency",
        "Add a payout for the currency in the portal, or offer in another one, then resume",
    ),
    "INVALID_TAX_INFORMATION": (
        "seller",
        "our tax information is missing or expired",
        _SELLER_SETUP,
    ),
    "INVALID_CURRENCY_CODE": (
        "price.currency",
        "AWS does not take this currency",
        "Offer in USD, EUR, GBP, JPY or AUD and resume",
    ),
    "INCOMPATIBLE_CURRENCY_CODE": (
        "price.currency",
        "the currency cannot be used for this product",
        "Offer in another currency and resume",
    ),
    "INVALID_RATE_CARD": (
        "dimensions",
        "the product has no such dimension, or the price is not legal",
        "Name one of the product's dimensions and revise",
    ),
    "DUPLICATE_DIMENSION_KEYS": ("dimensions", "a dimension is named twice", _OUR_FAULT),
    "INVALID_SELECTOR_DURATION_VALUE": (
        "duration_months",
        "AWS does not take this duration",
        "Choose a duration that the product offers and resume",
    ),
    "INVALID_AGREEMENT_DURATION": (
        "duration_months",
        "AWS does not take this duration",
        "Choose a duration that the product offers and resume",
    ),
    "INVALID_DURATION": (
        "duration_months",
        "AWS does not take this duration",
        "Choose a duration that the product offers and resume",
    ),
    "INVALID_GRANTS": (
        "dimensions",
        "the product has no such dimension",
        "Name one of the product's dimensions and revise",
    ),
    "TOO_MANY_GRANTS": ("dimensions", "there are too many dimensions", _OUR_FAULT),
    "INVALID_CHARGE_DATES": (
        "payment_schedule",
        "an instalment is due in the past or after the contract's end",
        "Move the instalment and revise",
    ),
    "DUPLICATE_CHARGE_DATES": (
        "payment_schedule",
        "two instalments are due on one day",
        "Move one of them and revise",
    ),
    "TOO_MANY_BACKDATED_CHARGES": (
        "payment_schedule",
        "only one instalment may be due by the last day to accept",
        "Move the second instalment, or end the offer earlier, and revise",
    ),
    "TOO_MANY_CHARGES": ("payment_schedule", "there are too many instalments", _OUR_FAULT),
    "INVALID_PAYMENT_DUE_PERIOD": (
        "net_payment_days",
        "AWS does not take this payment term",
        "Choose 15, 30, 45, 60, 90 or 120 days and revise",
    ),
    "INVALID_AGREEMENT_START_DATE": (
        "starts_on",
        "the contract would start in the past",
        "Choose a later first day and revise",
    ),
    "INCOMPATIBLE_AGREEMENT_START_DATE": (
        "starts_on",
        "the contract would start before the last day to accept",
        "Choose a later first day, or end the offer earlier, and revise",
    ),
    "INVALID_AGREEMENT_END_DATE": (
        "duration_months",
        "the contract's end is not in the future",
        "Choose a longer contract or a later start and revise",
    ),
    "INCOMPATIBLE_AGREEMENT_END_DATE": (
        "duration_months",
        "the contract would end before the last day to accept",
        "Choose a longer contract, or end the offer earlier, and revise",
    ),
    "INVALID_AGREEMENT_TIME_INTERVAL": (
        "duration_months",
        "AWS does not take a contract of this length",
        "Choose another duration and revise",
    ),
    "INCOMPATIBLE_PRE_EXISTING_AGREEMENT": (
        "renewal",
        "AWS does not take it for a renewal",
        "Remove the renewal flag and revise",
    ),
    "MISSING_AGREEMENT_START_DATE": ("duration_months", "a start date is missing", _OUR_FAULT),
    "INVALID_AVAILABILITY_END_DATE": (
        "availability_end",
        "the last day to accept is not in the future, or after the agreement's end",
        "Choose a later day and resume",
    ),
    "MISSING_AVAILABILITY_END_DATE": ("availability_end", "it is missing", _OUR_FAULT),
    "INVALID_LEGAL_DOCUMENTS": (
        "eula",
        "AWS could not read the contract document",
        "Give an unencrypted PDF at a URL that AWS can read for some hours, then resume",
    ),
    "LIMIT_EXCEEDED_LEGAL_DOCUMENT_SIZE": (
        "eula",
        "the contract document is too large for AWS",
        "Give a smaller PDF and resume",
    ),
    "MISSING_MANDATORY_TERMS": ("terms", "a term that AWS needs is missing", _OUR_FAULT),
    "INCOMPATIBLE_TERMS": ("terms", "two terms do not go together", _OUR_FAULT),
    "INCOMPATIBLE_PRICING_MODEL": (
        "product_id",
        "the product is not sold by contract",
        _SELLER_SETUP,
    ),
    "MISSING_NAME": ("offer_name", "it is missing", _OUR_FAULT),
    "MISSING_DESCRIPTION": ("offer_name", "the description is missing", _OUR_FAULT),
    "SERVER_FAULT": (
        "offer",
        "AWS failed on its own side",
        "Nothing is wrong with the terms: resume to try again",
    ),
    "CANCELLED": ("offer", "the change set was cancelled in AWS", "Resume to submit it again"),
    "INVALID_UPDATE_REQUEST": (
        "state",
        "a released offer cannot be changed in this way",
        "Cancel it and start a new one",
    ),
}
"""By AWS's error code: the field it concerns, what it means and what to do."""


def explain(refusal: AwsError) -> Finding:
    """A refusal as a finding.  A code that is not in the table keeps AWS's own words."""
    field, problem, remedy = EXPLANATIONS.get(
        refusal.code,
        (
            refusal.change_type or "offer",
            "AWS refused it",
            "Read AWS's words, correct what they name, and resume",
        ),
    )
    return Finding(
        field=field,
        problem=f"{problem} (AWS: {refusal.code}, {refusal.message.rstrip('.')})",
        remedy=remedy,
    )
