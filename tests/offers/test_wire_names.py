"""The values of our enumerations are on the wire and in histories: they follow from the names."""

from enum import StrEnum

import pytest

from activities.email.message import EmailKind
from activities.temporal.schedules import ProblemKind
from offers.agreements.agreement import (
    AgreementStatus,
    CancellationReasonCode,
    CancellationStatus,
)
from offers.findings import Severity
from offers.lifecycle.actions import ActionKind
from offers.lifecycle.attentions import AttentionCode
from offers.lifecycle.guards import ReasonCode
from offers.payouts.model import PayoutState
from offers.policy.digest import Weekday
from offers.policy.payouts import PayoutSource
from offers.policy.policy import FINANCE, OPERATIONS, CreationMethod
from offers.policy.rules import DEAL_DESK, LEGAL
from offers.reports.digest import DigestTopic
from offers.stage import Stage

OURS: tuple[type[StrEnum], ...] = (
    ActionKind,
    AttentionCode,
    CreationMethod,
    DigestTopic,
    EmailKind,
    PayoutSource,
    ProblemKind,
    ReasonCode,
    Severity,
    Stage,
    Weekday,
)
AWS: tuple[type[StrEnum], ...] = (AgreementStatus, CancellationReasonCode, CancellationStatus)


@pytest.mark.parametrize("names", OURS)
def test_our_values(names: type[StrEnum]) -> None:
    assert [each.value for each in names] == [n.name.lower().replace("_", "-") for n in names]


@pytest.mark.parametrize("names", AWS)
def test_values_of_aws(names: type[StrEnum]) -> None:
    assert [each.value for each in names] == [each.name for each in names]


def test_states_and_roles() -> None:
    assert [each.value for each in PayoutState] == [
        "not disbursed",
        "partially disbursed",
        "disbursed",
        "failed",
        "reversed",
    ]
    assert (FINANCE, OPERATIONS, DEAL_DESK, LEGAL) == (
        "finance",
        "operations",
        "deal-desk",
        "legal",
    )
