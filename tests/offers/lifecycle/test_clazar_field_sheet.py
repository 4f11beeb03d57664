"""An offer that was created in Clazar is recognised by the reference in its name."""

import pytest

from offers.lifecycle.clazar_field_sheet import (
    clazar_reference,
    field_sheet,
    opportunities_named_in,
    with_reference,
)
from tests.support.builders import terms

ONE, OTHER = "001A0000006Vm9rIAC", "00530000003VDlHAAW"


def test_name_with_a_reference_has_its_opportunity() -> None:
    named = with_reference(terms(offer_name="Example " * 15), clazar_reference(ONE, 12))
    assert opportunities_named_in(named.offer_name) == (ONE,)
    assert opportunities_named_in(
        f"{clazar_reference(OTHER, 1)}, not {clazar_reference(ONE, 2)}"
    ) == (OTHER, ONE)
    assert opportunities_named_in(f"{clazar_reference(ONE, 1)} {clazar_reference(ONE, 2)}") == (
        ONE,
    )


@pytest.mark.parametrize(
    "name",
    ["", "Offer Name", ONE, f"{ONE}-", f"{ONE}-0", f"x{ONE}-1", f"{ONE}-1x", "0" * 18 + "-1"],
)
def test_name_without_a_reference_has_no_opportunity(name: str) -> None:
    assert opportunities_named_in(name) == ()


def test_contract_of_the_field_sheet() -> None:
    address = "https://example.com/a.pdf"
    sheet = [(each.label, each.value) for each in field_sheet(terms(eula=address))]
    assert sheet[-2:] == [("EULA type", "Custom"), ("Document", address)]
    standard = ("EULA type", "Standard Contract for AWS Marketplace")
    assert [(each.label, each.value) for each in field_sheet(terms())][-1] == standard
