"""What holds an offer up until the buyer has confirmed the account."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from offers.findings import Severity
from offers.lifecycle.account_confirmation import (
    AccountAnswer,
    AccountConfirmation,
    AccountLink,
    confirmation_findings,
)
from offers.policy.policy import Policy
from tests.support.builders import BUYER, NOW, terms

OTHER = "444455556666"
ACCOUNTS = st.sets(st.sampled_from([BUYER, OTHER, "777788889999"]), min_size=1).map(tuple)
LINK = AccountLink(
    number=2,
    nonce="0f" * 16,
    accounts=(BUYER,),
    buyer_email="buyer@example.com",
    asked_at=NOW,
    expires_at=NOW + timedelta(days=14),
)


def policy(action: str) -> Policy:
    return Policy.model_validate({"seller_name": "Seller", "confirm_account": action})


def confirmation(**changes: Any) -> AccountConfirmation:
    known = {"accounts": (BUYER,), "given": (BUYER,), "at": NOW, "link": 2}
    return AccountConfirmation.model_validate(known | changes)


@pytest.mark.parametrize(
    ("action", "answered", "code", "severity", "role"),
    [
        ("off", None, None, None, None),
        ("required", None, "account-unconfirmed", Severity.REFUSE, None),
        ("approval", None, "account-unconfirmed", Severity.APPROVAL, "deal-desk"),
        ("required", confirmation(), None, None, None),
        ("required", confirmation(given=(OTHER,)), "account-differs", Severity.REFUSE, None),
        (
            "approval",
            confirmation(given=(OTHER,)),
            "account-differs",
            Severity.APPROVAL,
            "deal-desk",
        ),
        ("required", confirmation(given=(OTHER,), link=1), "account-unconfirmed", "refuse", None),
        ("required", confirmation(given=(BUYER, OTHER)), "account-differs", "refuse", None),
    ],
)
def test_findings(
    action: str,
    answered: AccountConfirmation | None,
    code: str | None,
    severity: Severity | None,
    role: str | None,
) -> None:
    found = confirmation_findings(policy(action), terms(), LINK, answered, expired=False)
    assert [(f.code, f.severity, f.role) for f in found] == (
        [(code, severity, role)] if code else []
    )
    for finding in found:
        assert (finding.field, finding.seen) == ("buyer_accounts", BUYER)


def test_an_approval_holds_whether_or_not_the_link_has_ended() -> None:
    before, after = (
        confirmation_findings(policy("approval"), terms(), LINK, None, expired=expired)[0]
        for expired in (False, True)
    )
    assert before.is_same(after)
    assert before.remedy != after.remedy


@given(asked=ACCOUNTS, given_accounts=ACCOUNTS, now=ACCOUNTS)
def test_only_exactly_the_accounts_of_the_terms_are_confirmed(
    asked: tuple[str, ...], given_accounts: tuple[str, ...], now: tuple[str, ...]
) -> None:
    answered = confirmation(accounts=asked, given=given_accounts)
    assert answered.confirms(now) == (set(asked) == set(given_accounts) == set(now))


@pytest.mark.parametrize("text", ["1111-2222-3333", " 111122223333 ", "1111 2222 3333"])
def test_an_account_is_read_as_people_write_it(text: str) -> None:
    assert AccountAnswer.model_validate({"nonce": "n", "accounts": text}).accounts == (BUYER,)


@pytest.mark.parametrize("text", ["", "11112222333", "1111222233334", "<b>", "\u0661" * 12])
def test_what_is_no_account_is_no_answer(text: str) -> None:
    with pytest.raises(ValidationError):
        AccountAnswer.model_validate({"nonce": "n", "accounts": text})
