"""Any policy file is read, or rejected with the file, the line and the remedy."""

import re
import tomllib
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from offers.findings import findings_in
from offers.policy.listing_fees import ListingFees
from offers.policy.policy import Policy, PublicationPolling
from runtime.toml_files import InvalidFile, read_toml

EXAMPLE = (Path(__file__).parents[3] / "examples" / "policy.toml").read_text(encoding="utf-8")
LINES = EXAMPLE.splitlines()
KEYS = sorted({line.partition(" =")[0] for line in LINES if " = " in line and line[0] != "#"})
VALUES = [
    "0",
    "-1",
    "1e400",
    "nan",
    "true",
    '""',
    '"x"',
    '"P1D"',
    '"P1Y3X"',
    '"-P1D"',
    "[]",
    "[1, 'a']",
    "{}",
    "{ USD = 1.5 }",
    "{ CHF = '1' }",
    "2026-01-01",
    "99999999999999999999999999",
    '["someone@example.com"]',
    '"{product} {0} {company.__class__}"',
]


def outcome(folder: Path, text: str) -> str | None:
    """The rejection of a file; None if it is read.  Any other exception is a defect."""
    file = folder / "policy.toml"
    file.write_text(text, encoding="utf-8")
    try:
        policy = read_toml(file, Policy)
    except InvalidFile as rejected:
        message = str(rejected)
        assert message.startswith(str(file))
        return message
    assert Policy.model_validate_json(policy.model_dump_json()) == policy
    policy.offer_name_for("Example Corp", tomllib.loads("day = 2026-01-31")["day"])
    return None


FUZZED = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@FUZZED
@given(key=st.sampled_from(KEYS), value=st.sampled_from(VALUES), table=st.booleans())
@example(key="allow_private", value="true", table=False)
def test_any_value_is_read_or_rejected(tmp_path: Path, key: str, value: str, table: bool) -> None:
    text = "\n".join(
        f"{key} = {value}" if line.partition(" =")[0] == key else line for line in LINES
    )
    outcome(tmp_path, f"[rules.annual]\n{key} = {value}" if table else text)


@FUZZED
@given(st.text(max_size=200))
@example("\ufeff")
@example("a = " + "[" * 5000)
@example("[rules]\nannual = 5")
@example('"" = 1')
def test_any_text_is_read_or_rejected(tmp_path: Path, text: str) -> None:
    outcome(tmp_path, text.encode("utf-8", "ignore").decode("utf-8"))


@FUZZED
@given(st.data())
def test_any_damage_to_the_example_is_read_or_rejected(tmp_path: Path, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(EXAMPLE)))
    end = data.draw(st.integers(start, min(len(EXAMPLE), start + 40)))
    inserted = data.draw(st.text(alphabet="[]{}=\"'.,#\n abc159-", max_size=10))
    outcome(tmp_path, EXAMPLE[:start] + inserted + EXAMPLE[end:])


OTHER_SALES = (("renewal", "0", "0.01"), ("professional-services", "0", "0"))


def fee_rates(*rates: tuple[str, str, str]) -> str:
    """A policy file with these rates: kind of sale, from which amount on, and rate."""
    lines = [
        f"{{sale = '{sale}', from_usd = '{least}', rate = '{rate}', since = 2026-01-01,"
        " source = 'AWS'}"
        for sale, least, rate in rates
    ]
    return f"[listing_fees]\nrates = [{', '.join(lines)}]"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "\n[rules.minimum]\naction = 'ask'",
            ", line 3: rules.minimum.action [ask]: it is none of the values it can have",
        ),
        (
            "[rules.minimum]\naction = 'approval'\napprover_role = ''",
            ", line 1: rules.minimum: an approval needs",
        ),
        (
            "[rules.minimum]\naction = 'warn'\napprover_role = 'x'",
            "a role approves nothing that is warn",
        ),
        (
            "[rules]\nminimal = { action = 'off' }",
            ", line 2: rules.minimal: there is no such field",
        ),
        (
            "minimum_price = { USD = 100000.5 }",
            ", line 1: minimum_price.USD [100000.5]: a float cannot hold",
        ),
        ("method = 'azure'", ", line 1: method [azure]: it is none of the values it can have"),
        (
            "[roles]\ndeal-desk = ['nobody']",
            ", line 2: roles.deal-desk.0: it is no mail address. Write",
        ),
        (
            "[roles]\nlegal = ['legal@example.com']",
            "nobody holds that role. Name who does under [roles]: deal-desk =",
        ),
        (
            "[payouts]\npays_on = [0]",
            ", line 2: payouts.pays_on: AWS pays out on days from 1 to 28",
        ),
        (
            "[listing_fees]\nrates = []",
            ", line 2: listing_fees.rates: there is no rate for private-offer. Give the whole list",
        ),
        (fee_rates(("renewal", "0", "0.03")), "there is no rate for private-offer"),
        (
            fee_rates(("private-offer", "5", "0.03"), *OTHER_SALES),
            "private-offer has no rate from 0 on since 2026-01-01",
        ),
        (
            fee_rates(*[("private-offer", "0", "0.03")] * 2, *OTHER_SALES),
            "private-offer has two rates from the same amount on",
        ),
        (
            fee_rates(("private-offer", "0", "3"), *OTHER_SALES),
            "listing_fees.rates.0.rate [3]: it is not a share of the price. Write 1.5 % as",
        ),
        (
            "[listing_fees]\nsurcharges = [{buyer_country = 'Korea', rate = '0.01',"
            " since = 2026-01-01, source = 'AWS'}]",
            "listing_fees.surcharges.0.buyer_country [Korea]: it is not the code of a country",
        ),
        ("[payouts]\npays_on = [29]", "AWS pays out on days from 1 to 28"),
        ("[payouts]\npays_on = [1, 15, 28]", "3 days are named"),
        ("[payouts]\npays_on = [true]", "it is not a whole number"),
        ("minimum_price = { USD = '100.000' }", "it could be 100,000.00 or 100.00"),
        ("expiry_grace = 3600", ", line 1: expiry_grace [3600]: it is not a duration. Write it as"),
        ("[digest]\nat = 8", "it is not a time of day"),
        ("[clazar_handoff]\nlook_every = 'PT1S'", ", line 2: clazar_handoff.look_every"),
    ],
)
def test_rejection_names_line_and_remedy(tmp_path: Path, text: str, message: str) -> None:
    rejection = outcome(tmp_path, text)
    assert rejection is not None
    assert message in rejection
    assert "nobody'" not in rejection, "it shows the address"


def test_example_shows_every_default() -> None:
    example = tomllib.loads(EXAMPLE)
    assert Policy.model_validate(example) == Policy()


def test_listing_fees_of_the_policy_replace_the_rates(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(fee_rates(("private-offer", "0", "0.02"), *OTHER_SALES), encoding="utf-8")
    policy = read_toml(file, Policy)
    assert [each.rate for each in policy.listing_fees.rates] == [
        Decimal("0.02"),
        Decimal("0.01"),
        Decimal(0),
    ]
    assert policy.listing_fees.surcharges == Policy().listing_fees.surcharges
    assert Policy.model_validate_json(policy.model_dump_json()) == policy
    assert "surcharges" not in policy.model_dump_json(), "a default goes into every record"


def test_listing_fees_hold_as_they_are_now() -> None:
    fees = ListingFees(surcharges=())
    checked, now = Policy(expiry_grace=timedelta(hours=9)), Policy(listing_fees=fees)
    assert checked.as_now(now) == Policy(expiry_grace=timedelta(hours=9), listing_fees=fees)


def numbers(*fields: str, least: int, most: int) -> dict[str, tuple[list[Any], list[Any]]]:
    return dict.fromkeys(fields, ([least, most], [least - 1, most + 1]))


def durations(*fields: str, least: int) -> dict[str, tuple[list[Any], list[Any]]]:
    """Durations from this many seconds to a year."""
    refused = [f"-PT{1 - least}S" if least < 1 else "PT0S", "P366DT1S"]
    return dict.fromkeys(fields, ([f"PT{least}S", "P366D"], refused))


BOUNDS: dict[str, tuple[list[Any], list[Any]]] = {
    **numbers("duration_months", least=1, most=144),
    **numbers("days_to_accept", "reminder_days.0", "renewal_reminder_days.0", least=1, most=3650),
    **numbers("payouts.feed_months", least=1, most=120),
    **numbers("payouts.pays_on.0", least=1, most=28),
    **numbers("payouts.bank_days.0", "payouts.data_days", least=0, most=30),
    **numbers("payouts.refund_days", least=1, most=366),
    **numbers("payouts.buyer_terms_days", "payouts.collection_days", least=0, most=366),
    **durations(
        "clazar_handoff.remind_after.0",
        "clazar_watch_overlap",
        "agreement_watch_overlap",
        "digest.look_ahead",
        "expiry_grace",
        "extend_expired_within",
        "intake_overlap",
        "payouts.follow_for",
        "confirm_account.remind_after.0",
        "payouts.remind_after.0",
        "publication.check_after.0",
        "remind_approvers_after.0",
        "rollback_within",
        least=0,
    ),
    **durations(
        "agreement_watch_every",
        "clazar_link_within",
        "clazar_watch_every",
        "confirm_account.within",
        "intake_every",
        "payouts.every",
        "publication.check_every",
        "publication.delayed_after",
        least=1,
    ),
    "minimum_price.USD": (["0", "0.01"], ["-0.01", "Infinity"]),
    "billing_method": (["x", "x" * 100], ["", "-", "x" * 101]),
    "seller_name": (["", "x" * 100], ["x" * 101]),
    "confirm_account.approver_role": (["x", "x" * 100], ["", "x" * 101]),
    "support_contact": (["", "x" * 200], ["x" * 201]),
    "rules.annual.text": (["x", "x" * 300], ["", "x" * 301]),
    "digest.at": (["00:00", "20:00"], ["20:01", "08:00Z"]),
    "digest.days": ([["sun"]], [[]]),
    "digest.time_zone": (["x" * 100], ["x" * 101]),
    "payouts.pays_on": ([[], [1, 28]], [[1, 2, 3]]),
    "payouts.bank_days": ([[0, 0], [30, 30]], [[2, 1], [0, 31]]),
}


@pytest.mark.parametrize("field", BOUNDS)
def test_least_and_highest_value(field: str) -> None:
    def is_valid(value: Any) -> bool:
        *path, name = field.split(".")
        given: Any = {name: value}
        if name == "0":
            given = [value, 30] if path[-1] == "bank_days" else [value]
        for part in reversed(path):
            given = {part: given}
        try:
            Policy.model_validate(given)
        except ValidationError:
            return False
        return True

    valid, refused = BOUNDS[field]
    assert [each for each in (*valid, *refused) if is_valid(each)] == valid


def test_every_duration_and_number_of_the_policy_has_a_bound() -> None:
    def bounded(value: Any, field: str = "") -> list[str]:
        match value:
            case dict():
                return [each for n, v in value.items() for each in bounded(v, f"{field}.{n}")]
            case [first, *_]:
                return bounded(first, f"{field}.0")
            case bool():
                return []
            case timedelta() | int():
                return [field[1:]]
        return []

    assert set(bounded(Policy().model_dump())) <= BOUNDS.keys()


def test_partial_rule_keeps_the_other_defaults(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(
        "[rules.minimum]\naction = 'refuse'\n[rules.upfront]\ntext = 'Up front.'", encoding="utf-8"
    )
    rules = read_toml(file, Policy).rules
    assert (rules.minimum.action, rules.minimum.approver_role) == ("refuse", None)
    assert rules.minimum.text == Policy().rules.minimum.text
    assert (rules.upfront.action, rules.upfront.approver_role) == ("approval", "deal-desk")
    assert rules.upfront.text == "Up front."


def test_publication_polling_times() -> None:
    checks, elapsed = [], timedelta()
    for _ in range(6):
        elapsed += PublicationPolling().next_check(elapsed)
        checks.append(elapsed // timedelta(minutes=1))
    assert checks == [10, 46, 51, 56, 61, 66]


def test_invalid_offer_name_pattern_is_rejected_with_the_remedy() -> None:
    with pytest.raises(
        ValidationError, match=re.escape("Use only {product}, {company}, {month}, {year}")
    ):
        Policy(offer_name="{customer} - {year}")
    with pytest.raises(ValidationError, match="Close every brace"):
        Policy(offer_name="{company")
    with pytest.raises(ValidationError, match="the pattern cannot be filled in"):
        Policy(offer_name="{company:d}")


def test_confirmation_of_accounts_is_a_word_or_a_table() -> None:
    given = {"seller_name": "Seller", "confirm_account": "required"}
    table = given | {"confirm_account": {"action": "required"}}
    assert Policy.model_validate(given) == Policy.model_validate(table)
    assert not Policy().confirm_account.is_on
    assert Policy.model_validate_json(Policy.model_validate(given).model_dump_json()) == (
        Policy.model_validate(given)
    )


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"confirm_account": "required"}, "confirm_account"),
        ({"confirm_account": "yes", "seller_name": "Seller"}, "confirm_account.action"),
        (
            {
                "confirm_account": {"action": "approval", "approver_role": "sales"},
                "seller_name": "Seller",
                "roles": {"deal-desk": ["a@example.com"], "legal": ["a@example.com"]},
            },
            "roles",
        ),
    ],
)
def test_confirmation_of_accounts_that_could_not_work(given: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Policy.model_validate(given)
    assert [finding.field for finding in findings_in(refused.value)] == [field]


def test_reminders_to_confirm_are_those_of_now() -> None:
    now = Policy.model_validate({"confirm_account": {"remind_after": ["P1D"], "within": "P2D"}})
    current = Policy().as_now(now)
    assert current.confirm_account.remind_after == (timedelta(days=1),)
    assert current.confirm_account.within == timedelta(days=14)
