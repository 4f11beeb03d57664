"""The attention that a failure needs."""

from offers.lifecycle.attentions import AttentionCode
from workflows.common.escalation import UNRESPONSIVE_REMEDY, attention_for


def test_call_that_nobody_took_or_answered() -> None:
    assert attention_for(None) == (
        AttentionCode.VENDOR_UNRESPONSIVE,
        "A vendor does not answer",
        UNRESPONSIVE_REMEDY,
    )
