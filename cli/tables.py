"""Tables of offers, preflight reports, Schedules and keys for a terminal."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from activities.temporal.schedules import ScheduleRow
from cli.actions import attention_commands
from cli.plain_table import Column, PlainTable
from client.listing import OfferRow
from client.offer_facts import facts_of, facts_of_terms
from client.printable import one_line
from offers.findings import Finding, Severity
from offers.lifecycle.attentions import Attention, AttentionCode
from offers.lifecycle.clazar_field_sheet import field_sheet
from offers.lifecycle.record import OfferRecord
from offers.lifecycle.summary import Wait
from offers.money import Money
from offers.payouts.refund import AdjustableInvoice, RefundRequest
from offers.preflight.report import PreflightReport
from offers.reports.renewals import EndingAgreement
from offers.stage import Stage
from offers.terms.terms import OfferTerms
from offers.text import day_text, instant_text
from web.api_keys import ApiKey

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
    Stage.REPLACED: "green",
    Stage.TERMINATED: "bold red",
}


def stage_text(stage: str) -> Text:
    return Text(stage, STYLES.get(Stage(stage), ""))


def amount_text(amount: Money | None) -> str:
    return str(amount) if amount else ""


def day_or_blank(day: date | None) -> str:
    return day_text(day) if day else ""


def waits_text(row: OfferRow) -> Text:
    """All attentions, and what the offer waits for and until which day (UTC)."""
    parts = list(dict.fromkeys(row.attentions))
    if row.waits_for and (not row.attentions or row.waits_for != Wait.ACTION):
        until = f" by {day_text(row.waits_until)}" if row.waits_until else ""
        parts.append(f"{row.waits_for}{until}")
    if row.attentions:
        return Text(", ".join(parts), "bold red")
    return Text("?", "yellow") if row.problem else Text(", ".join(parts), "dim")


COLUMNS: tuple[Column[OfferRow], ...] = (
    Column("Offer", 25, 1, lambda row: row.opportunity_id.replace("/amendment/", "/")),
    Column("Company", 14, 3, lambda row: row.company or "", widens=True),
    Column("Price", 17, 5, lambda row: amount_text(row.price), is_number=True),
    Column("Owner", 16, 8, lambda row: row.owner_name or row.owner_email or ""),
    Column("Stage", 10, 1, lambda row: stage_text(row.stage)),
    Column("Since", 11, 6, lambda row: day_or_blank(row.since)),
    Column("Last day", 11, 4, lambda row: day_or_blank(row.last_day)),
    Column("Waits for", 28, 2, waits_text, widens=True),
    Column(
        "Paid out",
        17,
        7,
        lambda row: amount_text(row.paid_out) if row.invoiced else "",
        is_number=True,
    ),
    Column("Offer in AWS", 19, 9, lambda row: row.offer_id or ""),
    Column("Agreement", 30, 10, lambda row: row.agreement_id or ""),
)


def _renewal_stage(row: EndingAgreement) -> Text:
    return stage_text(row.renewal.stage) if row.renewal else Text("none", "yellow")


RENEWAL_COLUMNS: tuple[Column[EndingAgreement], ...] = (
    Column("Offer", 25, 1, lambda row: row.path.replace("/amendment/", "/")),
    Column("Company", 14, 3, lambda row: row.company or "", widens=True),
    Column("Price", 17, 4, lambda row: amount_text(row.price), is_number=True),
    Column("Ends", 11, 1, lambda row: day_text(row.ends_at)),
    Column("Owner", 16, 5, lambda row: row.owner_name or row.owner_email or ""),
    Column("Renewal", 10, 2, _renewal_stage),
    Column("Renewed by", 25, 6, lambda row: row.renewal.path if row.renewal else ""),
    Column("Agreement", 30, 7, lambda row: row.agreement_id),
)


def renewal_table(rows: Iterable[EndingAgreement], width: int) -> RenderableType:
    """Ending agreements as a table, with as many columns as fit into `width` characters."""
    return PlainTable(RENEWAL_COLUMNS, rows, width)


MOST_PROBLEMS = 20
"""Of more, only the number is given."""


def offer_table(rows: Iterable[OfferRow], width: int) -> RenderableType:
    """Offers as a table, with as many columns as fit into `width` characters."""
    rows = list(rows)
    unreadable = [row for row in rows if row.problem]
    notes = [f"{row.opportunity_id}: {row.problem}" for row in unreadable[:MOST_PROBLEMS]]
    if (more := len(unreadable) - MOST_PROBLEMS) > 0:
        notes.append(f"and {more} more")
    return Group(PlainTable(COLUMNS, rows, width), *(Text(note, "yellow") for note in notes))


def offer_line(row: OfferRow) -> str:
    """An offer on one line, for a log."""
    named = f"{row.opportunity_id}  {row.company or '':<18}  {row.stage:<10}"
    parts = [amount_text(row.price), row.offer_id, row.agreement_id]
    if row.attention:
        parts.append(f"action required: {waits_text(row)}")
    elif row.waits_for:
        parts.append(f"waits for: {waits_text(row)}")
    parts.append(row.problem)
    return one_line("  ".join([named, *filter(None, parts)]).rstrip())


def offer_details(record: OfferRecord, *, is_open: bool = True) -> RenderableType:
    """Everything about an offer; what can be done about it only while its workflow is open."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in facts_of(record):
        table.add_row(label, stage_text(value) if label == "Stage" else value)
    waiting = [
        Text("\n" + "\n  ".join(_attention(record, attention)), "bold red")
        for attention in (record.attentions if is_open else ())
    ]
    held = [
        Text(f"\n{_reference(record, f)}  {f}", STYLE_OF[f.severity])
        for f in record.blocking_findings
    ]
    notes = [
        Text(f"\n{f.code}: {f}", "dim")
        for f in record.findings
        if f not in record.blocking_findings
    ]
    codes = {attention.code for attention in record.attentions}
    form = (
        [field_sheet_table(record.require_terms())]
        if AttentionCode.AWAITING_CLAZAR_OFFER in codes
        else []
    )
    return Group(table, *waiting, *held, *notes, *form)


RUNBOOK = "docs/runbook.md"
"""What each attention means, and how to see that it is over."""


def _attention(record: OfferRecord, attention: Attention) -> list[str]:
    return [
        f"Action required: {attention.problem}.",
        f"{attention.remedy}.",
        f"{RUNBOOK}#{attention.code}",
        *attention_commands(record, attention),
    ]


def field_sheet_table(terms: OfferTerms) -> RenderableType:
    """The values for Clazar's form, in the form's order."""
    table = Table(title="Values for Clazar's form", title_justify="left")
    for column in ("Section", "Field", "Value to copy"):
        table.add_column(column, overflow="fold")
    for field in field_sheet(terms):
        table.add_row(field.section, field.label, field.value)
    return Group("", table)


STYLE_OF = {Severity.REFUSE: "red", Severity.APPROVAL: "yellow", Severity.WARN: "dim"}


def preflight_table(report: PreflightReport) -> RenderableType:
    facts = Table(show_header=False, box=None, pad_edge=False)
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    method = ("Created through", report.method.value)
    for label, value in [("Company", report.company), *facts_of_terms(report.terms), method]:
        if value:
            facts.add_row(label, value)
    found = Table(show_lines=True)
    for column in ("", "Finding", "Field", "Seen", "Problem and remedy"):
        found.add_column(column, overflow="fold")
    for finding in report.findings:
        effect = f"approval by {finding.role}" if finding.role else finding.severity.value
        where = f"{finding.field}\n({finding.source})" if finding.source else finding.field
        rule = f'\nRule: "{finding.rule}"' if finding.rule else ""
        found.add_row(
            Text(effect, STYLE_OF[finding.severity]),
            Text(finding.code),
            Text(where),
            Text(finding.seen or ""),
            Text(f"{finding.problem}.\n{finding.remedy}.{rule}"),
        )
    if not report.findings:
        return Group(facts, Text("\nNo findings: the offer can be created.", "green"))
    return Group(facts, "", found)


def schedule_table(rows: Iterable[ScheduleRow]) -> Table:
    table = Table()
    for column in ("Schedule", "Every", "State", "Last run", "Next run", "Problem"):
        table.add_column(column)
    for row in rows:
        state = Text(f"paused {row.note}".strip(), "yellow") if row.paused else Text("running")
        if row.every is None:
            state = Text("missing", "red")
        table.add_row(
            row.schedule_id,
            str(row.every or ""),
            state,
            instant_text(row.last_run) if row.last_run else "",
            instant_text(row.next_run) if row.next_run and not row.paused else "",
            Text(row.problem or "", "red"),
        )
    return table


def api_key_table(
    keys: Iterable[tuple[str, ApiKey]], uses: Mapping[str, datetime], today: date
) -> Table:
    """The keys of programs; `uses`: when each was last used."""
    table = Table()
    for column in ("Key", "Scopes", "Whose", "Last day", "Last used"):
        table.add_column(column)
    for name, key in keys:
        used = uses.get(name)
        table.add_row(
            name,
            ", ".join(sorted(key.scopes)),
            Text(key.person or "a program's"),
            Text(day_text(key.expires_on), "red" if key.expires_on < today else ""),
            instant_text(used) if used else "",
        )
    return table


def refund_preview(request: RefundRequest, invoice: AdjustableInvoice) -> Table:
    """What would be refunded, beside what AWS says of the invoice."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("Invoice", invoice.invoice_id)
    if invoice.issued_at:
        table.add_row("Issued", day_text(invoice.issued_at))
    table.add_row("Amount", str(invoice.amount))
    table.add_row("Can be refunded", str(invoice.adjustable))
    table.add_row("To be refunded", f"{request.amount} before tax")
    table.add_row("Reason", request.reason)
    return table


def _reference(record: OfferRecord, finding: Finding) -> str:
    """How an exception that can be decided about is named; a mistake by its code."""
    return record.approval_reference(finding) if record.terms else finding.code
