"""The selling policy: what a company decides once for all its offers."""

import string
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PositiveInt,
    ValidationInfo,
    field_validator,
)

from offers.findings import illegal
from offers.model import FrozenModel
from offers.money import Currency, exact
from offers.policy.confirm_account import ConfirmAccount
from offers.policy.credits import Credits
from offers.policy.digest import DigestRules
from offers.policy.durations import Interval, Reminders, Wait
from offers.policy.listing_fees import ListingFees
from offers.policy.payouts import PayoutRules
from offers.policy.rules import Rules
from offers.policy.webhooks import WebhookRules
from offers.terms.contacts import Address, domain_of, is_address_of, parse_email
from offers.terms.parsing import parse_months, parse_whole_number
from offers.terms.terms import LONGEST_MONTHS, LONGEST_OFFER_NAME, NOT_IN_NAMES
from offers.text import LONGEST_NAME, clean_name, is_one_line, shorten

FINANCE = "finance"
"""The role of those who are sent what is about payouts."""

OPERATIONS = "operations"
"""The role of those who run this program: they are told when a Schedule does not work."""

NAME_FIELDS = ("product", "company", "month", "year")


def _pattern(value: str) -> str:
    try:
        used = {field for _, field, _, _ in string.Formatter().parse(value) if field is not None}
    except ValueError as error:
        raise illegal(f"the pattern cannot be read ({error})", "Close every brace") from None
    only = "Use only " + ", ".join(f"{{{name}}}" for name in NAME_FIELDS)
    if unknown := sorted(used - set(NAME_FIELDS)):
        raise illegal(f"there is no {{{unknown[0]}}}", only)
    try:
        named = value.format(product="P", company="C", month="01", year=2026)
    except (ValueError, LookupError, TypeError, AttributeError):
        raise illegal("the pattern cannot be filled in", only) from None
    if not named.strip() or not named.isprintable():
        raise illegal("a name is one line of text", "Write the pattern on one line")
    return value


def _domain(value: str) -> str:
    try:
        return parse_email(f"name@{value}").partition("@")[2].lower()
    except ValueError:
        raise illegal("it is no domain of mail addresses", "Write it like example.com") from None


def _descending(days: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(set(days), reverse=True))


DaysBefore = Annotated[
    tuple[Annotated[PositiveInt, Field(le=3650)], ...], AfterValidator(_descending)
]


AS_NOW = frozenset(
    {
        "approve_own_deals",
        "clazar_handoff",
        "credits",
        "domains",
        "listing_fees",
        "remind_approvers_after",
        "reminder_days",
        "renewal_reminder_days",
        "roles",
        "support_contact",
        "time_zones",
        "webhooks",
    }
)
"""What holds as it is now, with the reminders of `payouts` and `confirm_account`; the rest holds as
it was when the deal was checked.  What AWS charges is no rule that a deal is checked against."""


class PublicationPolling(FrozenModel, extra="forbid"):
    """How the creation of an offer in AWS is polled.  All times count from the submission."""

    check_after: Reminders = (
        timedelta(minutes=10),
        timedelta(minutes=46),
    )
    """When to check: once early, when AWS finds most errors; then when it should be done."""
    check_every: Interval = timedelta(minutes=5)
    """How often to check after that."""
    delayed_after: Interval = timedelta(hours=2)
    """When people are told that it takes unusually long."""

    def next_check(self, elapsed: timedelta) -> timedelta:
        """How long to wait before the next check."""
        # A check can be slightly early or late; it must not lead to another within the minute.
        return min(
            (at - elapsed for at in self.check_after if at > elapsed + timedelta(minutes=1)),
            default=self.check_every,
        )


class CreationMethod(StrEnum):
    """How an offer is created."""

    AWS = "aws"
    """By one change set through AWS's Catalog API."""
    CLAZAR = "clazar"
    """By a person in Clazar, from a field sheet: Clazar's API creates no offers."""


class ClazarHandoff(FrozenModel, extra="forbid"):
    """How an offer that a person creates in Clazar is waited for."""

    remind_after: Reminders = (timedelta(days=1), timedelta(days=3), timedelta(days=7))
    """When the owner is reminded that the offer is to be created, from the handoff."""


def _price(value: Decimal) -> Decimal:
    if not value.is_finite() or value < 0:
        raise illegal("the minimum is no price", "Give 0 or more")
    return value


class Policy(FrozenModel, extra="forbid"):
    """What a company decides once for all its offers; every value has a default.

    The defaults are the handbook's: twelve months, thirty days to accept, a name with product,
    company and month.
    """

    product_name: str = "Example Product"
    seller_name: str = Field(default="", max_length=100)
    """The company as buyers know it; needed to ask them for a confirmation."""
    offer_name: Annotated[str, AfterValidator(_pattern)] = (
        "{product} Annual - {company} - {month}/{year}"
    )
    duration_months: Annotated[
        PositiveInt, Field(le=LONGEST_MONTHS), BeforeValidator(parse_months)
    ] = 12
    """What a contract lasts unless the opportunity says otherwise, and by the rule `annual`."""
    days_to_accept: Annotated[PositiveInt, Field(le=3650), BeforeValidator(parse_whole_number)] = 30
    minimum_price: dict[
        Currency, Annotated[Decimal, BeforeValidator(exact), AfterValidator(_price)]
    ] = Field(default={"USD": Decimal(100_000)})
    """The smallest price by currency; AWS converts nothing, so each currency has its own."""
    billing_method: str = Field(default="AWS Marketplace", pattern=r"\w", max_length=100)
    """What a signed order form names if the customer buys through AWS Marketplace."""
    rules: Rules = Rules()
    confirm_account: ConfirmAccount = ConfirmAccount()
    roles: dict[str, tuple[Address, ...]] = Field(default={}, repr=False)
    """By role, the mail addresses of those who hold it: they approve exceptions."""
    domains: tuple[Annotated[str, AfterValidator(_domain)], ...] = ()
    """Of the company's own mail addresses; empty: those of the people under `roles`."""
    approve_own_deals: bool = False
    """Whether the owner of an opportunity, and who asked for other terms, may approve it."""
    remind_approvers_after: Reminders = (timedelta(days=1), timedelta(days=3))
    """When those who may approve are written to again, from the first mail."""
    method: CreationMethod = CreationMethod.AWS
    """How offers are created, unless a request says otherwise."""
    clazar_handoff: ClazarHandoff = ClazarHandoff()
    intake_every: Interval = timedelta(minutes=5)
    """How often Salesforce is asked for opportunities that are ready."""
    intake_overlap: Wait = timedelta(minutes=15)
    """How far each reading goes back behind the newest change already seen."""
    reminder_days: DaysBefore = (7, 2)
    """The buyer is reminded this many days before the last day."""
    renewal_reminder_days: DaysBefore = (90, 60, 30)
    """The owner is told this many days before an agreement ends that it does."""
    expiry_grace: Wait = timedelta(hours=1)
    """How long after the last second AWS may still show an acceptance."""
    extend_expired_within: Wait = timedelta(days=14)
    """How long after its last day an offer that nobody accepted can still be extended."""
    rollback_within: Wait = timedelta(hours=1)
    """How long after an amendment took an offer's place AWS may undo that; it takes minutes."""
    publication: PublicationPolling = PublicationPolling()
    clazar_link_within: Interval = timedelta(days=2)
    """How long Clazar may take to show an offer; whatever wakes the workflow after that
    looks for the offer in Clazar and raises an attention."""
    agreement_watch_every: Interval = timedelta(minutes=5)
    """How often the agreement feed is read."""
    agreement_watch_overlap: Wait = timedelta(minutes=15)
    """How far each reading goes back behind the newest entry already seen."""
    clazar_watch_every: Interval = timedelta(minutes=10)
    """How often Clazar's change feed is read."""
    clazar_watch_overlap: Wait = timedelta(minutes=10)
    """How far each reading goes back behind the newest change already seen."""
    payouts: PayoutRules = PayoutRules()
    listing_fees: ListingFees = ListingFees()
    digest: DigestRules = DigestRules()
    credits: Credits = Credits()
    time_zones: tuple[str, ...] = ("America/Los_Angeles", "America/New_York", "Europe/London")
    """The time zones that mails give the last minute in when the buyer's own is not known."""
    support_contact: str = Field(default="", max_length=200)
    """Shown to buyers at the foot of each mail."""
    # Each offer's record carries its policy into every call: not what is off.
    webhooks: WebhookRules = Field(default=WebhookRules(), exclude_if=WebhookRules().__eq__)

    @field_validator("confirm_account")
    @classmethod
    def _someone_asks(cls, asks: ConfirmAccount, info: ValidationInfo) -> ConfirmAccount:
        if asks.is_on and not info.data.get("seller_name", "?").strip():
            raise illegal(
                "buyers are told who asks them, and there is no seller_name",
                'Give the name that buyers know, such as seller_name = "Example, Inc."',
            )
        return asks

    @field_validator("roles")
    @classmethod
    def _someone_approves(
        cls, roles: dict[str, tuple[Address, ...]], info: ValidationInfo
    ) -> dict[str, tuple[Address, ...]]:
        # Without any role in it, the policy is the built-in one: its remedy is to name them.
        rules, confirm = info.data.get("rules"), info.data.get("confirm_account")
        needed = {*(rules.roles() if rules else ()), *([confirm.role] if confirm else [])} - {None}
        if roles and (vacant := sorted(r for r in needed if not roles.get(r))):
            raise illegal(
                f"rules ask for approval by {vacant[0]}, and nobody holds that role",
                f'Name who does under [roles]: {vacant[0]} = ["someone@example.com"]',
            )
        return roles

    def has_role(self, person: str, role: str) -> bool:
        """Whether somebody, known by mail address, holds a role."""
        return is_address_of(person, self.roles.get(role, ()))

    @property
    def own_domains(self) -> frozenset[str]:
        """The domains of the company's own mail addresses; empty if the policy names nobody."""
        people = (each for addresses in self.roles.values() for each in addresses)
        return frozenset(self.domains) or frozenset(map(domain_of, people))

    def is_own_address(self, address: str) -> bool:
        """Whether a mail address is the company's own, as far as the policy says."""
        domain = domain_of(address)
        return not self.own_domains or any(
            domain == own or domain.endswith(f".{own}") for own in self.own_domains
        )

    def as_now(self, now: "Policy") -> "Policy":
        """The same rules, with people and reminders as they are in the policy of now."""
        reminders = {
            name: getattr(self, name).model_copy(
                update={"remind_after": getattr(now, name).remind_after}
            )
            for name in ("confirm_account", "payouts")
        }
        current = {name: getattr(now, name) for name in AS_NOW}
        return self.model_copy(update=current | reminders)

    def offer_name_for(self, company: str, today: date) -> str:
        """An offer's name by the convention, such as "Product Annual - Company - 11/2026".

        AWS takes it whatever the company is called: a long company is shortened.
        """
        company = _allowed(company)
        name = self._named(company, today)
        # The end of a name tells offers of one company apart.
        room = len(company) - (len(name) - LONGEST_OFFER_NAME)
        if len(name) > LONGEST_OFFER_NAME and room > 0:
            name = self._named(shorten(company, room), today)
        return shorten(name, LONGEST_OFFER_NAME) or "Private offer"

    def _named(self, company: str, today: date) -> str:
        return _allowed(
            self.offer_name.format(
                product=self.product_name,
                company=company,
                month=f"{today.month:02d}",
                year=today.year,
            )
        )


def _allowed(text: str) -> str:
    """A part of an offer's name on one line, without what AWS forbids."""
    kept = (
        each if is_one_line(each) else " "
        for each in text[: 2 * LONGEST_NAME]
        if each not in NOT_IN_NAMES
    )
    return " ".join(clean_name("".join(kept)).split())
