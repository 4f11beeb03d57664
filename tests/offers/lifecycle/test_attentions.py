"""What a person may do about what waits for one."""

import pytest

from offers.lifecycle.actions import ActionKind
from offers.lifecycle.attentions import Attention, AttentionCode
from tests.support.builders import NOW


@pytest.mark.parametrize(
    ("code", "actions"),
    [
        (
            AttentionCode.TERMS_INVALID,
            (ActionKind.REVISE, ActionKind.RESUME, ActionKind.CANCEL),
        ),
        (AttentionCode.PUBLICATION_DELAYED, ()),
        (AttentionCode.CREDENTIALS_REJECTED, (ActionKind.RESUME,)),
    ],
)
def test_suggested_actions(code: AttentionCode, actions: tuple[ActionKind, ...]) -> None:
    attention = Attention(code=code, problem="A problem", remedy="Mend it", since=NOW)
    assert attention.actions == actions
