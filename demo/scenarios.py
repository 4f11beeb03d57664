"""The cast: offers that each meet a different fate, all made up."""

from dataclasses import dataclass
from typing import Any

from offers.ids import offer_path, parse_opportunity_id
from offers.stage import Stage

SPEED = 86_400
"""Business seconds per real second: one day lasts one second."""

REMINDER = "Reminder"
OFFER_LETTER = "Your private offer for Example Product is ready"


@dataclass(frozen=True)
class Scenario:
    """One offer of the demo: how it begins, what people do to it, and how it must end."""

    number: int
    company: str
    story: str
    ends: Stage
    through: tuple[Stage, ...] = ()
    """Stages that it must have been in."""
    amount: str = "120000.00"
    currency: str = "USD"
    accepts_after_days: float | None = None
    account_exists: bool = True
    corrected: bool = False
    """Somebody puts the right account into Salesforce when AWS has refused the wrong one."""
    mistyped: bool = False
    """A digit of the account is missing in Salesforce; preflight sees it, and it is revised."""
    months: int = 12
    """Not twelve: an exception, which the deal desk approves."""
    handed_off: bool = False
    """A person makes it in Clazar: at first with a wrong price, which the deal desk sends back."""
    cancelled_when: Stage | None = None
    repriced: str | None = None
    """The price that is agreed after the buyer was told of another: the offer is amended."""
    added: str | None = None
    """What is sold on top after the acceptance, by an agreement-based offer."""
    payout_parts: tuple[str, ...] = ("1",)
    reminded: bool = False
    """The buyer must have got each reminder that was due."""
    mails: tuple[tuple[str, int], ...] = ()
    """How many mails must have a subject that starts so."""

    @property
    def opportunity_id(self) -> str:
        """The id of its opportunity."""
        return parse_opportunity_id(f"006DEMO0000{self.number:04}")

    @property
    def account(self) -> str:
        """The account in Salesforce at first."""
        return f"{222200000000 + self.number}"

    @property
    def offers_made(self) -> int:
        """How many offers AWS has made in the end; no more than one can ever be accepted."""
        return 2 if self.handed_off or self.repriced or self.added else 1

    @property
    def path(self) -> str:
        """The offer with which its story ends."""
        return offer_path(self.opportunity_id, 1 if self.added else 0)

    @property
    def hesitates(self) -> bool:
        """Whether the buyer waits for another offer than the first."""
        return self.handed_off or self.repriced is not None

    @property
    def right_account(self) -> str:
        """The account that is put right later, where the first was wrong."""
        return f"{333300000000 + self.number}" if self.corrected else self.account

    @property
    def buyer_email(self) -> str:
        """The buyer's address."""
        return f"buyer{self.number}@example.com"

    def is_about(self, path: str) -> bool:
        """Whether an offer is this one's, or an amendment of it."""
        return path.partition("/")[0] == self.opportunity_id

    def concerns(self, subject: str, recipients: list[str]) -> bool:
        """Whether a mail is about this offer: to its buyer, or to the owner by company."""
        return self.buyer_email in recipients or self.company in subject

    def opportunity(self, amount: str | None = None) -> dict[str, Any]:
        """The signed opportunity as Salesforce holds it, perhaps with another price."""
        price = float(amount or self.amount)
        return {
            "Id": self.opportunity_id,
            "Name": f"{self.company} - annual plan",
            "Account": {"Name": self.company},
            "Owner": {"Name": "Example Owner", "Email": "owner@example.com"},
            "Amount": price,
            "CurrencyIsoCode": self.currency,
            "StageName": "Closed Won",
            "CloseDate": "2026-01-15",
            "AWS_Account_Id__c": self.account[:-1] if self.mistyped else self.account,
            "Contract_Months__c": float(self.months),
            "Order_Form_Months__c": float(self.months),
            "Order_Form_Amount__c": price,
            "Order_Form_Currency__c": self.currency,
            "Order_Form_Payment_Terms__c": "Upfront",
            "Order_Form_Company__c": self.company,
            "Billing_Method__c": "AWS Marketplace",
            "Buyer_Name__c": "Example Buyer",
            "Buyer_Email__c": self.buyer_email,
            "Buyer_Time_Zone__c": "America/Los_Angeles",
            "Order_Form_Signed__c": True,
        }


SCENARIOS = (
    Scenario(
        1,
        "Example One Inc",
        "accepted on the third day, paid out at once",
        Stage.DISBURSED,
        through=(Stage.GENERATING, Stage.SHARED, Stage.ACCEPTED),
        accepts_after_days=3,
        mails=((OFFER_LETTER, 1), ("Accepted", 1), ("Paid", 1)),
    ),
    Scenario(
        2,
        "Example Two GmbH",
        "accepted after the first reminder, paid out in two parts",
        Stage.DISBURSED,
        through=(Stage.SHARED, Stage.ACCEPTED),
        amount="250000.00",
        currency="EUR",
        accepts_after_days=20,
        payout_parts=("0.4", "0.6"),
        reminded=True,
        mails=(("Paid", 1),),
    ),
    Scenario(
        3,
        "Example Three Ltd",
        "expires after two reminders",
        Stage.EXPIRED,
        through=(Stage.SHARED,),
        reminded=True,
        mails=(("Expired", 1),),
    ),
    Scenario(
        4,
        "Example Four LLC",
        "refused by AWS for a wrong account",
        Stage.FAILED,
        account_exists=False,
        mails=(("Failed", 1), (OFFER_LETTER, 0)),
    ),
    Scenario(
        5,
        "Example Five SA",
        "refused for a wrong account, corrected, paid out",
        Stage.DISBURSED,
        through=(Stage.FAILED, Stage.SHARED, Stage.ACCEPTED),
        account_exists=False,
        corrected=True,
        accepts_after_days=2,
        mails=(("Failed", 1), ("Paid", 1)),
    ),
    Scenario(
        6,
        "Example Six BV",
        "cancelled after the buyer was told",
        Stage.CANCELLED,
        through=(Stage.SHARED,),
        cancelled_when=Stage.SHARED,
        mails=(("Your private offer for Example Product has been withdrawn", 1),),
    ),
    Scenario(
        7,
        "Example Seven AG",
        "an account id too short, revised before AWS sees it",
        Stage.DISBURSED,
        through=(Stage.SHARED, Stage.ACCEPTED),
        mistyped=True,
        accepts_after_days=3,
        mails=(("Action required", 1), ("Failed", 0), ("Paid", 1)),
    ),
    Scenario(
        8,
        "Example Eight Oy",
        "two years: an exception, approved by the deal desk",
        Stage.DISBURSED,
        through=(Stage.SHARED, Stage.ACCEPTED),
        months=24,
        accepts_after_days=3,
        mails=(("Action required", 1), ("Approval required", 1), ("Paid", 1)),
    ),
    Scenario(
        9,
        "Example Nine AB",
        "made in Clazar at a wrong price, sent back, made again",
        Stage.DISBURSED,
        through=(Stage.SHARED, Stage.ACCEPTED),
        handed_off=True,
        accepts_after_days=15,
        mails=(
            ("Please create in Clazar", 2),
            (OFFER_LETTER, 1),
            ("Paid", 1),
        ),
    ),
    Scenario(
        10,
        "Example Ten KK",
        "another price agreed before acceptance: made anew",
        Stage.DISBURSED,
        through=(Stage.SHARED, Stage.ACCEPTED),
        repriced="110000.00",
        accepts_after_days=3,
        mails=(
            (OFFER_LETTER, 2),
            ("Your private offer for Example Product is being changed", 1),
            ("Paid", 1),
        ),
    ),
    Scenario(
        11,
        "Example Eleven SpA",
        "more sold after acceptance: an ABO, paid out",
        Stage.DISBURSED,
        through=(Stage.SHARED, Stage.ACCEPTED),
        added="30000.00 USD",
        accepts_after_days=2,
        mails=((OFFER_LETTER, 2), ("Approval required", 1), ("Accepted", 2)),
    ),
)
