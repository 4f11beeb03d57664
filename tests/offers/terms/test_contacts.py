"""Mail addresses: parsed by the standard, in the form that every mail server takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from offers.findings import findings_in
from offers.policy.policy import Policy
from offers.preflight.draft import draft
from offers.terms.contacts import Contacts, Owner, parse_email
from tests.support.builders import TODAY, facts


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("owner@example.com ", "owner@example.com"),
        ("\u00a0owner@example.com\u200b\r\n", "owner@example.com"),
        ("o.w+n-er_1@EXAMPLE.com", "o.w+n-er_1@example.com"),
        ("buyer@b\u00fccher.example", "buyer@xn--bcher-kva.example"),
        ("buyer@xn--bcher-kva.example", "buyer@xn--bcher-kva.example"),
        ("o'neil@example.com", "o'neil@example.com"),
        ("buyer\uff20example.com", "buyer@example.com"),
    ],
)
def test_accepted_addresses(text: str, address: str) -> None:
    assert parse_email(text) == address
    assert Owner(owner_email=text).owner_email == address
    assert parse_email(address) == address


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("buyer@example..com", "no mail address"),
        (".buyer@example.com", "no mail address"),
        ("buyer.@example.com", "no mail address"),
        ("buyer@example", "no mail can be sent to its domain"),
        ("buyer@company.local", "no mail can be sent to its domain"),
        ("buyer@-example.com", "no mail address"),
        ("buyer@mail.invalid", "no mail can be sent to its domain"),
        ("buyer@example.com.", "no mail address"),
        ("a@example.com, b@example.com", "no mail address"),
        ("Buyer <buyer@example.com>", "no mail address"),
        ("buyer@[127.0.0.1]", "no mail address"),
        ('"a b"@example.com', "no mail address"),
        ("j\u00fcrgen@example.com", "letters before the @"),
        ("buyer", "no mail address"),
        ("", "no mail address"),
        ("x" * 65 + "@example.com", "no mail address"),
        ("x" * 100_000 + "@example.com", "at most 320 characters"),
    ],
)
def test_refused_addresses(text: str, problem: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Contacts(buyer_email=text, owner_email="owner@example.com")
    (finding,) = findings_in(refused.value)
    assert finding.field == "buyer_email"
    assert problem in str(finding)
    assert (
        "Write one address" in finding.remedy
        or "ASCII" in finding.remedy
        or "at most" in finding.remedy
    )
    assert finding.seen is None


def test_blank_behind_the_owners_address_loses_nobody() -> None:
    drafted = draft(facts(owner_email="owner@example.com \u200b", buyer_email="x"), Policy(), TODAY)
    assert drafted.owner is not None
    assert drafted.owner.owner_email == "owner@example.com"


def test_role_is_held_by_whoever_has_the_address_in_any_form() -> None:
    policy = Policy(roles={"deal-desk": ("desk@b\u00fccher.example",), "legal": ("l@example.com",)})
    for form in (
        "desk@b\u00fccher.example",
        "Desk@XN--bcher-kva.example",
        " desk@b\u00fccher.example",
    ):
        assert policy.has_role(form, "deal-desk")
    assert not policy.has_role("desk", "deal-desk")


@given(st.text('ab@.- \u00fc\u200b<>"', max_size=40))
def test_what_is_accepted_is_ascii_and_reads_back(text: str) -> None:
    try:
        address = parse_email(text)
    except ValueError:
        return
    assert address.isascii()
    assert parse_email(address) == address
