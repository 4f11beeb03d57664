"""Metrics of how long things take: business time, recorded once and not in a replay."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from offers.lifecycle.record import OfferRecord
    from offers.lifecycle.summary import ACCEPTED_BEFORE
    from offers.stage import Stage

PUBLICATION = "offerflow_publication_duration"
ACCEPTANCE_DELAY = "offerflow_acceptance_delay"
"""Names of histograms; `_seconds` is added to them."""


def record_durations(record: OfferRecord, before: Stage) -> None:
    """Record what ended when the offer came from the stage `before` into that of the record."""
    now = record.stage_since
    if record.stage is Stage.LIVE:
        submitted = next(
            (each.at for each in reversed(record.history) if each.stage is Stage.SUBMITTED), now
        )
        _record(
            PUBLICATION,
            "From the submission of an offer until it is released.",
            now - submitted,
            {"method": record.method.value},
        )
    elif record.stage is Stage.ACCEPTED and before not in ACCEPTED_BEFORE and record.agreement:
        _record(
            ACCEPTANCE_DELAY,
            "From the buyer's acceptance until it is known here.",
            now - record.agreement.accepted_at,
            {},
        )


def _record(name: str, description: str, took: timedelta, attributes: dict[str, str]) -> None:
    histogram = workflow.metric_meter().create_histogram_timedelta(name, description, "s")
    # The vendor's clock may be ahead of ours.
    histogram.record(max(took, timedelta()), attributes)
