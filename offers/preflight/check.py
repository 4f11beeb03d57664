"""A check of terms against something, and which of the terms it reads."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from offers.findings import Finding
from offers.terms.terms import OfferTerms


@dataclass(frozen=True)
class Check:
    """Left out where one of the terms it reads is not legal in itself."""

    reads: Collection[str]
    check: Callable[..., Iterable[Finding]]
    """Called with the terms, and with what they are held against."""


def findings_of(
    checks: Iterable[Check], terms: OfferTerms, legal: Collection[str], *against: Any
) -> tuple[Finding, ...]:
    """What those checks find that read legal terms only."""
    return tuple(
        finding
        for each in checks
        if set(each.reads) <= set(legal)
        for finding in each.check(terms, *against)
    )
