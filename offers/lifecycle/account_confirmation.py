"""The buyer confirms the AWS account: what was asked, what they answered, and what follows from it.

A wrong account is the most common mistake (handbook), and the offer cannot be corrected afterwards.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator, Field

from offers.findings import Finding, Severity
from offers.model import FrozenModel
from offers.policy.policy import Policy
from offers.terms.parsing import parse_account_ids
from offers.terms.terms import MOST_ACCOUNTS, OfferTerms
from offers.text import instant_text

UNCONFIRMED = "account-unconfirmed"
DIFFERS = "account-differs"
CODES = frozenset({UNCONFIRMED, DIFFERS})


class AccountLink(FrozenModel):
    """A link by which the buyer can answer once."""

    number: int
    """Counts the links of the offer; only the last can be used."""
    nonce: str = Field(repr=False)
    """Random, so that no link of an earlier run of the offer fits."""
    accounts: tuple[str, ...]
    """The buyer accounts of the terms when it was made."""
    buyer_email: str = Field(repr=False)
    """To whom it was sent: personal data."""
    asked_at: AwareDatetime
    expires_at: AwareDatetime
    """Business time, as all of them."""

    def is_for(self, accounts: Collection[str], buyer_email: str) -> bool:
        """Whether it asks this buyer about these accounts."""
        return set(accounts) == set(self.accounts) and buyer_email == self.buyer_email


class AccountConfirmation(FrozenModel):
    """What the buyer has answered."""

    accounts: tuple[str, ...]
    """The buyer accounts of the terms then."""
    given: tuple[str, ...]
    """Those that the buyer gave."""
    at: AwareDatetime
    link: int
    """The number of the link."""

    @property
    def matches(self) -> bool:
        """Whether the buyer gave the accounts of the terms, all of them and no other."""
        return set(self.given) == set(self.accounts)

    def confirms(self, accounts: Collection[str]) -> bool:
        """Whether it is a confirmation of exactly these accounts."""
        return self.matches and set(accounts) == set(self.accounts)


class AccountAnswer(FrozenModel, extra="forbid"):
    """What the buyer answers by a link."""

    nonce: str = Field(repr=False, max_length=100)
    accounts: Annotated[
        tuple[str, ...],
        BeforeValidator(parse_account_ids),
        Field(min_length=1, max_length=MOST_ACCOUNTS),
    ]


def confirmation_findings(
    policy: Policy,
    terms: OfferTerms,
    link: AccountLink | None,
    confirmation: AccountConfirmation | None,
    *,
    expired: bool,
) -> tuple[Finding, ...]:
    """What holds the offer up until the buyer has confirmed the account.

    `expired`: whether the link was not used in time.
    """
    if not policy.confirm_account.is_on or (
        confirmation and confirmation.confirms(terms.buyer_accounts)
    ):
        return ()
    role = policy.confirm_account.role
    instead = ", or have it approved to go on without" if role else ""
    if link and confirmation and confirmation.link == link.number:
        code, problem = DIFFERS, f"the buyer says that it is {', '.join(confirmation.given)}"
        remedy = (
            "Revise buyer_accounts: the buyer is asked again then. If the buyer was wrong, send"
            f" them another link{instead}"
        )
    else:
        code, problem = UNCONFIRMED, "the buyer has not confirmed that this is the right account"
        if expired:
            remedy = f"The link is not valid any more: ask the buyer, and send another{instead}"
        elif link:
            remedy = f"The buyer was asked by mail: wait for the answer{instead}"
        else:
            remedy = f"The buyer is asked by mail as soon as nothing else is wrong{instead}"
    return (
        Finding(
            code=code,
            severity=Severity.APPROVAL if role else Severity.REFUSE,
            field="buyer_accounts",
            seen=terms.accounts,
            problem=problem,
            remedy=remedy,
            role=role,
            rule=policy.rules.account_of_other_customer.text,
        ),
    )


def is_expired(link: AccountLink, now: datetime) -> bool:
    """Whether the link cannot be used any more for its age; `now` is business time."""
    return now >= link.expires_at


def confirmation_text(
    link: AccountLink | None, confirmation: AccountConfirmation | None
) -> str | None:
    """What the buyer was asked or has answered last, in one line; None: they were not asked."""
    if link and confirmation and confirmation.link == link.number:
        at = instant_text(confirmation.at)
        if confirmation.matches:
            return f"{', '.join(confirmation.given)} confirmed by the buyer, {at}"
        return f"the buyer says {', '.join(confirmation.given)}, {at}"
    if link:
        return f"the buyer was asked, {instant_text(link.asked_at)}"
    return None
