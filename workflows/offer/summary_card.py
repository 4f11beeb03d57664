"""An offer at a glance, shown in the Temporal UI as the workflow's current details.

No personal data: the card is kept in memory and served in the clear.
"""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from offers.lifecycle.account_confirmation import confirmation_text
    from offers.lifecycle.possible_actions import possible_actions
    from offers.lifecycle.record import OfferRecord
    from offers.lifecycle.summary import wait_of
    from offers.text import day_text, instant_text


def summary_card(record: OfferRecord) -> str:
    """The record as Markdown."""
    terms, agreement, payout = record.terms, record.agreement, record.payout
    rows = [
        ("Stage", f"**{record.stage}**"),
        ("Waits for", _waits(record)),
        ("Possible now", ", ".join(possible_actions(record))),
        ("Company", record.company),
        (
            "Opportunity",
            f"[{record.opportunity_id}]({record.opportunity_url})"
            if record.opportunity_url
            else record.opportunity_id,
        ),
        (
            "Price",
            f"{terms.price} {terms.term}, {terms.payment}" if terms else None,
        ),
        ("Buyer account", terms.accounts if terms else None),
        ("Account check", confirmation_text(record.account_link, record.account_confirmation)),
        ("Offer", f"[{record.offer_id}]({record.offer_url})" if record.offer_id else None),
        ("Last day", f"{day_text(terms.availability_end)} (UTC)" if terms else None),
        ("Change set", record.change_set_id),
        ("Agreement", agreement.agreement_id if agreement else None),
        ("Accepted", instant_text(agreement.accepted_at) if agreement else None),
        ("Paid out", f"{payout.disbursed} of {payout.gross}, less the fee" if payout else None),
        ("Amends", record.replaces),
        ("Replaced by", record.replaced_by),
        *((f"Amendment {a.number}", str(a.stage)) for a in record.amendments),
        ("Revision", str(record.revision) if record.revision > 1 else None),
    ]
    lines = ["| | |", "|---|---|"]
    lines += [f"| {label} | {_cell(value)} |" for label, value in rows if value]
    lines += [f"\n**Needs a person:** {a.problem}. {a.remedy}." for a in record.attentions]
    lines += [f"\n- {finding}" for finding in record.blocking_findings]
    lines += [
        f"\n{instant_text(event.at)}: {event.description}." for event in record.agreement_events
    ]
    return "\n".join(lines)


def _waits(record: OfferRecord) -> str | None:
    if not record.history:
        return None
    wait, until = wait_of(record)
    return f"{wait}, until {instant_text(until)}" if until else wait


def _cell(value: str) -> str:
    return value.replace("|", "\\|")
