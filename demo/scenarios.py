"""The scenarios of the demo; all companies are invented."""

from dataclasses import dataclass
from typing import Any

from offers.ids import offer_path, parse_opportunity_id
from offers.stage import Stage

SPEED = 86_400
"""Business seconds per real second: one day lasts one second."""

REMINDER = "Reminder"
OFFER_MAIL = "Your private offer for Example Product is ready"


@dataclass(frozen=True)
class Scenario:
    """One offer of the demo: its opportunity, what people do, and how it must end."""

    number: int
    company: str
    description: str
    last_stage: Stage
    required_stages: tuple[Stage, ...] = ()
    """Stages that it must have been in."""
    amount: str = "120000.00"
    currency: str = "USD"
    accepts_after_days: float | None = None
    account_exists: bool = True
    account_corrected: bool = False
    """The account is corrected in Salesforce after AWS has rejected the offer."""
    account_too_short: bool = False
    """A digit of the account is missing in Salesforce; preflight finds it, and it is revised."""
    months: int = 12
    """Other than twelve: an exception, which the deal desk approves."""
    created_in_clazar: bool = False
    """It is created in Clazar, first with a wrong price, which the deal desk declines."""
    cancelled_at: Stage | None = None
    new_price: str | None = None
    """The offer is amended to this price after it was shared."""
    additional_amount: str | None = None
    """Sold after the acceptance, with an agreement-based offer."""
    payout_parts: tuple[str, ...] = ("1",)
    expects_reminders: bool = False
    """Whether the number of reminders is compared."""
    expected_mails: tuple[tuple[str, int], ...] = ()
    """Starts of subjects, each with the number of mails."""

    @property
    def opportunity_id(self) -> str:
        """The id of its opportunity."""
        return parse_opportunity_id(f"006DEMO0000{self.number:04}")

    @property
    def account(self) -> str:
        """The account in Salesforce at first."""
        return f"{222200000000 + self.number}"

    @property
    def offers_in_aws(self) -> int:
        """How many offers are created in AWS; never more than one can be accepted."""
        return 2 if self.created_in_clazar or self.new_price or self.additional_amount else 1

    @property
    def path(self) -> str:
        """The offer or amendment that ends with the scenario."""
        return offer_path(self.opportunity_id, 1 if self.additional_amount else 0)

    @property
    def rejects_first_offer(self) -> bool:
        """Whether the buyer accepts only a later offer."""
        return self.created_in_clazar or self.new_price is not None

    @property
    def correct_account(self) -> str:
        """The buyer's account: another one than in Salesforce if that is corrected later."""
        return f"{333300000000 + self.number}" if self.account_corrected else self.account

    @property
    def buyer_email(self) -> str:
        """The buyer's address."""
        return f"buyer{self.number}@example.com"

    def has_offer(self, path: str) -> bool:
        """Whether an offer is of this opportunity: its own one, or an amendment."""
        return path.partition("/")[0] == self.opportunity_id

    def has_mail(self, subject: str, recipients: list[str]) -> bool:
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
            "AWS_Account_Id__c": self.account[:-1] if self.account_too_short else self.account,
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
            "Buyer_Country__c": "US",
            "Order_Form_Signed__c": True,
        }


SCENARIOS = (
    Scenario(
        1,
        "Example One Inc",
        "accepted on the third day, paid out in one part",
        Stage.DISBURSED,
        required_stages=(Stage.GENERATING, Stage.SHARED, Stage.ACCEPTED),
        accepts_after_days=3,
        expected_mails=((OFFER_MAIL, 1), ("Accepted", 1), ("Paid", 1)),
    ),
    Scenario(
        2,
        "Example Two GmbH",
        "accepted after the first reminder, paid out in two parts",
        Stage.DISBURSED,
        required_stages=(Stage.SHARED, Stage.ACCEPTED),
        amount="250000.00",
        currency="EUR",
        accepts_after_days=20,
        payout_parts=("0.4", "0.6"),
        expects_reminders=True,
        expected_mails=(("Paid", 1),),
    ),
    Scenario(
        3,
        "Example Three Ltd",
        "not accepted, expires after two reminders",
        Stage.EXPIRED,
        required_stages=(Stage.SHARED,),
        expects_reminders=True,
        expected_mails=(("Expired", 1),),
    ),
    Scenario(
        4,
        "Example Four LLC",
        "AWS rejects the offer because of a wrong account",
        Stage.FAILED,
        account_exists=False,
        expected_mails=(("Failed", 1), (OFFER_MAIL, 0)),
    ),
    Scenario(
        5,
        "Example Five SA",
        "AWS rejects it because of a wrong account; corrected in Salesforce, then paid out",
        Stage.DISBURSED,
        required_stages=(Stage.FAILED, Stage.SHARED, Stage.ACCEPTED),
        account_exists=False,
        account_corrected=True,
        accepts_after_days=2,
        expected_mails=(("Failed", 1), ("Paid", 1)),
    ),
    Scenario(
        6,
        "Example Six BV",
        "cancelled after it was sent to the buyer",
        Stage.CANCELLED,
        required_stages=(Stage.SHARED,),
        cancelled_at=Stage.SHARED,
        expected_mails=(("Your private offer for Example Product has been withdrawn", 1),),
    ),
    Scenario(
        7,
        "Example Seven AG",
        "an account id is too short; revised before AWS is called",
        Stage.DISBURSED,
        required_stages=(Stage.SHARED, Stage.ACCEPTED),
        account_too_short=True,
        accepts_after_days=3,
        expected_mails=(("Action required", 1), ("Failed", 0), ("Paid", 1)),
    ),
    Scenario(
        8,
        "Example Eight Oy",
        "two years are an exception; the deal desk approves it",
        Stage.DISBURSED,
        required_stages=(Stage.SHARED, Stage.ACCEPTED),
        months=24,
        accepts_after_days=3,
        expected_mails=(("Action required", 1), ("Approval required", 1), ("Paid", 1)),
    ),
    Scenario(
        9,
        "Example Nine AB",
        "created in Clazar with a wrong price, declined, created again",
        Stage.DISBURSED,
        required_stages=(Stage.SHARED, Stage.ACCEPTED),
        created_in_clazar=True,
        accepts_after_days=15,
        expected_mails=(
            ("Please create in Clazar", 2),
            (OFFER_MAIL, 1),
            ("Paid", 1),
        ),
    ),
    Scenario(
        10,
        "Example Ten KK",
        "the price changes before acceptance; withdrawn and created again",
        Stage.DISBURSED,
        required_stages=(Stage.SHARED, Stage.ACCEPTED),
        new_price="110000.00",
        accepts_after_days=3,
        expected_mails=(
            (OFFER_MAIL, 2),
            ("Your private offer for Example Product is being changed", 1),
            ("Paid", 1),
        ),
    ),
    Scenario(
        11,
        "Example Eleven SpA",
        "more is sold after acceptance: an agreement-based offer, paid out",
        Stage.DISBURSED,
        required_stages=(Stage.SHARED, Stage.ACCEPTED),
        additional_amount="30000.00 USD",
        accepts_after_days=2,
        expected_mails=((OFFER_MAIL, 2), ("Approval required", 1), ("Accepted", 2)),
    ),
)
