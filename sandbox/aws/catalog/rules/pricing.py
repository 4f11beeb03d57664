"""The rules of UpdatePricingTerms."""

from collections.abc import Iterator, Sequence

from sandbox.aws.catalog.rules.details import (
    FixedUpfrontPricingTerm,
    UpdatePricingTerms,
    UpfrontRateCard,
)
from sandbox.aws.catalog.rules.working_copy import Problem
from sandbox.marketplace.offer_terms import Duration

CURRENCIES = ("USD", "AUD", "EUR", "GBP", "JPY", "INR")
MAX_GRANTS = 200
MAX_MONTHS = 60


def check(details: UpdatePricingTerms, dimensions: Sequence[str]) -> Iterator[Problem]:
    """The problems of new pricing terms, given the keys of the product's dimensions."""
    kinds = [term.type for term in details.terms]
    if len(set(kinds)) < len(kinds):
        yield Problem("DUPLICATE_TERM_TYPES", "Use each term type once.")
    if {"FixedUpfrontPricingTerm", "ConfigurableUpfrontPricingTerm"} <= set(kinds):
        yield Problem("INCOMPATIBLE_TERMS", "Use only one of the upfront pricing terms.")
    if set(kinds) == {"UsageBasedPricingTerm"}:
        yield Problem("INCOMPATIBLE_PRICING_MODEL", "Add an upfront pricing term.")
    if len({term.currency_code for term in details.terms}) > 1:
        yield Problem("INCOMPATIBLE_CURRENCY_CODE", "Use the same CurrencyCode in all terms.")
    for term in details.terms:
        if term.currency_code not in CURRENCIES:
            yield Problem("INVALID_CURRENCY_CODE", f"Provide one of {', '.join(CURRENCIES)}.")
        if isinstance(term, FixedUpfrontPricingTerm):
            keys = [grant.dimension_key for grant in term.grants]
            if len(keys) > MAX_GRANTS:
                yield Problem("TOO_MANY_GRANTS", f"Provide up to {MAX_GRANTS} grants.")
            yield from _check_dimensions(keys, dimensions, "INVALID_GRANTS")
            continue
        for card in term.rate_cards:
            keys = [rate.dimension_key for rate in card.rate_card]
            yield from _check_dimensions(keys, dimensions, "INVALID_RATE_CARD")
        yield from _check_choices(
            [card for card in term.rate_cards if isinstance(card, UpfrontRateCard)]
        )


def _check_dimensions(
    keys: Sequence[str], dimensions: Sequence[str], code: str
) -> Iterator[Problem]:
    if repeated := sorted({key for key in keys if keys.count(key) > 1}):
        yield Problem("DUPLICATE_DIMENSION_KEYS", f"Use each dimension once: {repeated}.")
    if unknown := sorted(set(keys) - set(dimensions)):
        yield Problem(code, f"The product has no dimensions {unknown}.")


def _check_choices(cards: Sequence[UpfrontRateCard]) -> Iterator[Problem]:
    """The buyer's choices: durations, and whether dimensions and quantities are free."""
    durations = [card.selector.value for card in cards]
    for text in durations:
        duration = Duration.parse(text)
        if duration is None or duration.days or duration.months > MAX_MONTHS:
            yield Problem("INVALID_SELECTOR_DURATION_VALUE", f"{text} isn't P1M to P{MAX_MONTHS}M.")
    if len(set(durations)) < len(durations):
        yield Problem("INVALID_RATE_CARD", "Use each duration in one rate card only.")
    allowances = {each for card in cards for each in card.constraints.model_dump().values()}
    if len(allowances) > 1:
        message = "Use the same value in all Constraints of all rate cards."
        yield Problem("INCOMPATIBLE_RATE_CARD_CONSTRAINTS", message)
