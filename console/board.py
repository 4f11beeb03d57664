"""How offers look on a terminal."""

from collections.abc import Callable, Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from console.desk import OfferRow
from offers.lifecycle import Stage
from offers.record import OfferRecord

STYLES = {
    Stage.DRAFT: "dim",
    Stage.SUBMITTED: "cyan",
    Stage.GENERATING: "cyan",
    Stage.FAILED: "bold red",
    Stage.LIVE: "blue",
    Stage.SHARED: "blue",
    Stage.ACCEPTED: "green",
    Stage.DISBURSED: "bold green",
    Stage.EXPIRED: "yellow",
    Stage.CANCELLED: "yellow",
}


def stage_text(stage: str) -> Text:
    """A stage in its colour."""
    return Text(stage, STYLES.get(Stage(stage), ""))


COLUMNS: tuple[tuple[str, int, Callable[[OfferRow], str | Text]], ...] = (
    ("Opportunity", 18, lambda row: row.opportunity_id),
    ("Stage", 10, lambda row: stage_text(row.stage)),
    ("Attention", 17, lambda row: Text(row.attention or "", "bold red")),
    ("Offer", 19, lambda row: row.offer_id or ""),
    ("Expires (UTC)", 16, lambda row: f"{row.expires_at:%F %H:%M}" if row.expires_at else ""),
    ("Agreement", 30, lambda row: row.agreement_id or ""),
)
"""Title, width and content, the most important first."""


def board(rows: Iterable[OfferRow], width: int) -> Table:
    """All offers as a table, with as many columns as fit into a width."""
    table = Table(expand=False)
    shown = []
    taken = 1
    for title, needs, content in COLUMNS:
        taken += needs + 3
        if taken > width:
            break
        table.add_column(title, no_wrap=True)
        shown.append(content)
    for row in rows:
        table.add_row(*(content(row) for content in shown))
    return table


def line(row: OfferRow) -> str:
    """One offer on one line, for a log."""
    parts = [row.opportunity_id, row.stage, row.offer_id, row.agreement_id]
    if row.attention:
        parts.append(f"needs a person: {row.attention}")
    return "  ".join(part for part in parts if part)


def sheet(record: OfferRecord) -> RenderableType:
    """Everything about one offer."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in _facts(record):
        if value:
            table.add_row(label, value)
    waiting = [
        Text(f"\nNeeds a person: {attention.problem}.\n  {attention.remedy}.", "bold red")
        for attention in record.attentions
    ]
    findings = [Text(f"\n{finding}", "red") for finding in record.findings]
    return Group(table, *waiting, *findings)


def _facts(record: OfferRecord) -> list[tuple[str, RenderableType | None]]:
    terms, agreement, payout, fee = record.terms, record.agreement, record.payout, record.fee
    return [
        ("Opportunity", record.opportunity_id),
        ("Stage", stage_text(record.stage)),
        ("Revision", str(record.revision)),
        ("Company", terms.company if terms else None),
        ("Buyer account", terms.buyer_account if terms else None),
        ("Offer name", terms.offer_name if terms else None),
        ("Price", f"{terms.price} for {terms.duration_months} months" if terms else None),
        ("Expected fee", f"{fee.fee}, leaving {fee.net}" if fee else None),
        ("Expires", f"{record.expires_at:%Y-%m-%d %H:%M:%S} UTC" if record.expires_at else None),
        ("Change set", record.change_set_id),
        ("Offer", record.offer_id),
        ("Agreement", f"{agreement.agreement_id} ({agreement.status})" if agreement else None),
        ("Accepted", f"{agreement.accepted_at:%Y-%m-%d %H:%M:%S} UTC" if agreement else None),
        ("Paid out", f"{payout.disbursed} of {payout.gross} gross" if payout else None),
        ("Cancelled for", record.cancel_reason),
        (
            "History",
            "\n".join(f"{entry.at:%Y-%m-%d %H:%M} UTC  {entry.stage}" for entry in record.history),
        ),
    ]
