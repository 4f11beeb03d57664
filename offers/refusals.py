"""AWS's refusals in plain words: what each error code means and what to do about it.

The codes are those of AWS: work-with-private-offers.
"""

from pydantic import BaseModel, ConfigDict

from offers.findings import Finding


class Refusal(BaseModel):
    """One error of a refused change, in AWS's words."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str
    change_type: str | None = None
    """The change it belongs to, such as `UpdateTargeting`; None for the set as a whole."""


_ASK_ACCOUNT = "Ask the buyer for the 12-digit id of the management account, correct it and resume"
_SELLER_SETUP = "Ask whoever runs the AWS Marketplace Management Portal to set it up, then resume"
_OUR_FAULT = "Report it to the engineers with the code: the product built a request AWS forbids"

PLAIN_WORDS: dict[str, tuple[str, str, str]] = {
    # code: (field, problem, remedy)
    "INVALID_BUYER_ACCOUNTS": (
        "buyer_account",
        "AWS does not know this account",
        _ASK_ACCOUNT,
    ),
    "INCOMPATIBLE_BUYER_ACCOUNTS": (
        "buyer_account",
        "AWS does not let this account buy this product",
        _ASK_ACCOUNT,
    ),
    "TOO_MANY_BUYER_ACCOUNTS": ("buyer_account", "there are too many buyer accounts", _OUR_FAULT),
    "MISSING_BUYER_ACCOUNTS": ("buyer_account", "no buyer account was given", _OUR_FAULT),
    "INCOMPATIBLE_TARGETING": (
        "buyer_account",
        "the buyer of this offer cannot be set or changed",
        "Cancel this offer and start it again",
    ),
    "INVALID_COUNTRY_CODES": ("buyer_account", "a country code is wrong", _OUR_FAULT),
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
        "dimension",
        "the product has no such dimension, or the price is not legal",
        "Check OFFERS_DIMENSION against the product in the portal, then resume",
    ),
    "DUPLICATE_DIMENSION_KEYS": ("dimension", "a dimension is named twice", _OUR_FAULT),
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
    "CANCELLED": ("offer", "the change set was cancelled in AWS", "Resume to submit it anew"),
    "INVALID_UPDATE_REQUEST": (
        "state",
        "a released offer cannot be changed in this way",
        "Cancel it and start a new one",
    ),
}
"""By AWS's error code: the field it concerns, what it means and what to do."""


def plain_words(refusal: Refusal) -> Finding:
    """A refusal as a finding.  A code that is not in the table keeps AWS's own words."""
    field, problem, remedy = PLAIN_WORDS.get(
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
