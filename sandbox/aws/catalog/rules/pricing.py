"""The rules of UpdatePricingTerms."""

from collections.abc import Iterator, Sequence

from sandbox.aws.catalog.rules.details import (
    ConfigurableUpfrontPricingTerm,
    FixedUpfrontPricingTerm,
    PricingTerm,
    Rate,
    UpdatePricingTerms,
    UpfrontRateCard,
    UsageBasedPricingTerm,
    UsageRateCard,
)
from sandbox.aws.catalog.rules.working_copy import Problem
from sandbox.marketplace.offer_terms import Duration

CURRENCIES = ("USD", "AUD", "EUR", "GBP", "JPY", "INR")
MAX_GRANTS = 200
MAX_RATE_CARDS = 5
MAX_RATES = 800
MAX_MONTHS = 60

TERMS_BY_PRICING_MODEL = {
    "Contract": {
        "FixedUpfrontPricingTerm",
        "ConfigurableUpfrontPricingTerm",
        "UsageBasedPricingTerm",
        "ByolPricingTerm",
    },
    "Usage": {"UsageBasedPricingTerm"},
    "Byol": {"ByolPricingTerm"},
    "Free": {"UsageBasedPricingTerm"},
}
"""The term types that each pricing model allows."""


def check(details: UpdatePricingTerms, dimensions: Sequence[str]) -> Iterator[Problem]:
    """The problems of new pricing terms, given the keys of the product's dimensions."""
    yield from _check_combination(details)
    for term in details.terms:
        match term:
            case FixedUpfrontPricingTerm():
                yield from _check_currency(term.currency_code)
                yield from _check_grants(term, dimensions)
            case ConfigurableUpfrontPricingTerm():
                yield from _check_currency(term.currency_code)
                yield from _check_rate_cards(term.rate_cards, dimensions)
                yield from _check_upfront(term.rate_cards)
            case UsageBasedPricingTerm():
                yield from _check_currency(term.currency_code)
                yield from _check_rate_cards(term.rate_cards, dimensions)


def _check_combination(details: UpdatePricingTerms) -> Iterator[Problem]:
    kinds = [term.type for term in details.terms]
    if len(set(kinds)) < len(kinds):
        yield Problem("DUPLICATE_TERM_TYPES", "Use each term type once.")
    if {"FixedUpfrontPricingTerm", "ConfigurableUpfrontPricingTerm"} <= set(kinds):
        yield Problem(
            "INCOMPATIBLE_TERMS",
            "ConfigurableUpfrontPricingTerm can't be combined with FixedUpfrontPricingTerm.",
        )
    contract = {"FixedUpfrontPricingTerm", "ConfigurableUpfrontPricingTerm"} & set(kinds)
    not_allowed = set(kinds) - TERMS_BY_PRICING_MODEL[details.pricing_model]
    if not_allowed or (details.pricing_model == "Contract" and not contract):
        yield Problem(
            "INCOMPATIBLE_PRICING_MODEL",
            f"The terms aren't compatible with the pricing model {details.pricing_model}.",
        )
    if len({_currency_of(term) for term in details.terms} - {None}) > 1:
        yield Problem("INCOMPATIBLE_CURRENCY_CODE", "Use the same CurrencyCode in all terms.")


def _currency_of(term: PricingTerm) -> str | None:
    return getattr(term, "currency_code", None)


def _check_currency(code: str) -> Iterator[Problem]:
    if code not in CURRENCIES:
        yield Problem("INVALID_CURRENCY_CODE", f"Provide a supported CurrencyCode, not {code}.")


def _check_grants(term: FixedUpfrontPricingTerm, dimensions: Sequence[str]) -> Iterator[Problem]:
    keys = [grant.dimension_key for grant in term.grants]
    if len(keys) > MAX_GRANTS:
        yield Problem("TOO_MANY_GRANTS", f"Provide up to {MAX_GRANTS} grants.")
    yield from _check_duplicates(keys)
    if unknown := _unknown_keys(keys, dimensions):
        yield Problem("INVALID_GRANTS", f"The product has no dimensions {unknown}.")
    if term.duration is not None and Duration.parse(term.duration) is None:
        yield Problem("INVALID_DURATION", "Provide Duration as a number of months, such as P12M.")


def _check_rate_cards(
    cards: Sequence[UpfrontRateCard | UsageRateCard], dimensions: Sequence[str]
) -> Iterator[Problem]:
    if len(cards) > MAX_RATE_CARDS:
        yield Problem("TOO_MANY_RATE_CARDS", f"Provide up to {MAX_RATE_CARDS} rate cards.")
    for card in cards:
        yield from _check_rates(card.rate_card, dimensions)


def _check_rates(rates: Sequence[Rate], dimensions: Sequence[str]) -> Iterator[Problem]:
    keys = [rate.dimension_key for rate in rates]
    if len(keys) > MAX_RATES:
        yield Problem("TOO_MANY_RATES", f"Provide up to {MAX_RATES} rates in a rate card.")
    yield from _check_duplicates(keys)
    if unknown := _unknown_keys(keys, dimensions):
        yield Problem("INVALID_RATE_CARD", f"The product has no dimensions {unknown}.")


def _check_upfront(cards: Sequence[UpfrontRateCard]) -> Iterator[Problem]:
    durations = [card.selector.value for card in cards]
    for text in durations:
        duration = Duration.parse(text)
        if duration is None or duration.days or duration.months > MAX_MONTHS:
            yield Problem(
                "INVALID_SELECTOR_DURATION_VALUE",
                f"Provide a duration between P1M and P{MAX_MONTHS}M, not {text}.",
            )
    if len(set(durations)) < len(durations):
        yield Problem("INVALID_RATE_CARD", "Use each duration in one rate card only.")
    allowances = {card.constraints.multiple_dimension_selection for card in cards} | {
        card.constraints.quantity_configuration for card in cards
    }
    if len(allowances) > 1:
        yield Problem(
            "INCOMPATIBLE_RATE_CARD_CONSTRAINTS",
            "MultipleDimensionSelection and QuantityConfiguration must have the same value,"
            " and the same on all rate cards.",
        )


def _check_duplicates(keys: Sequence[str]) -> Iterator[Problem]:
    if repeated := sorted({key for key in keys if keys.count(key) > 1}):
        yield Problem("DUPLICATE_DIMENSION_KEYS", f"Use each dimension once: {repeated}.")


def _unknown_keys(keys: Sequence[str], dimensions: Sequence[str]) -> list[str]:
    return sorted(set(keys) - set(dimensions))
