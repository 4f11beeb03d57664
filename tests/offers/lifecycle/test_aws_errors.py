"""AWS's refusals: the field that each names, and what to do about it."""

import pytest

from offers.lifecycle.aws_errors import EXPLANATIONS, AwsError, explain
from offers.terms.terms import TERM_FIELDS

OTHERS = {"price.currency", "offer", "seller", "state", "terms"}


@pytest.mark.parametrize("code", EXPLANATIONS)
def test_explanation_names_a_field(code: str) -> None:
    assert EXPLANATIONS[code][0] in TERM_FIELDS | OTHERS


def test_code_is_explained_with_the_words_of_aws() -> None:
    finding = explain(AwsError(code="INVALID_GRANTS", message="There is no such grant."))
    assert finding.field == "dimensions"
    assert finding.problem.endswith("(AWS: INVALID_GRANTS, There is no such grant)")


def test_unknown_code_names_the_change() -> None:
    unknown = AwsError(code="NEW", message="No", change_type="UpdateTargeting")
    assert explain(unknown).field == "UpdateTargeting"
    assert explain(unknown.model_copy(update={"change_type": None})).field == "offer"
