"""A diagnosis: what may be behind each question about an offer."""

from offers.diagnosis import ended_agreements, payments, visibility
from offers.diagnosis.cause import Cause, Explanation, explain
from offers.diagnosis.snapshot import Snapshot

CAUSES: tuple[Cause, ...] = (
    *visibility.CAUSES,
    *ended_agreements.CAUSES,
    *payments.CAUSES,
)


def diagnose(snapshot: Snapshot) -> tuple[Explanation, ...]:
    """What applies, by question, the likeliest first."""
    tables = (visibility.CAUSES, ended_agreements.CAUSES, payments.CAUSES)
    return tuple(each for causes in tables for each in explain(causes, snapshot))
