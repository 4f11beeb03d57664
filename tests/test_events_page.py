"""The events page, the template and the code agree on the setup of AWS's events."""

import json
import re
from pathlib import Path
from typing import Any

from activities.aws.events import KINDS
from runtime.sqs_consumer import LONG_POLL_SECONDS, VISIBILITY_SECONDS
from tests.support.eventbridge import PATTERN, TEMPLATE

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
BLOCKS: list[Any] = [
    json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)
]


def without_account_names(statement: dict[str, Any]) -> dict[str, Any]:
    """A policy statement without the names that depend on the account."""
    condition = {name: list(keys) for name, keys in statement.get("Condition", {}).items()}
    return {**statement, "Resource": None, "Condition": condition}


def test_page_and_template_have_the_same_pattern() -> None:
    assert BLOCKS[0] == PATTERN


def test_pattern_has_the_events_that_are_read() -> None:
    assert set(PATTERN["source"]) == {source for source, _ in KINDS}
    assert sorted(PATTERN["detail-type"]) == sorted(kind for _, kind in KINDS)


def test_page_and_template_have_the_same_permissions() -> None:
    for block, resource in zip(BLOCKS[1:], ("OnlyTheRuleSends", "WorkerReads"), strict=True):
        policy = TEMPLATE[resource]["Properties"]["PolicyDocument"]
        assert block["Version"] == policy["Version"]
        assert list(map(without_account_names, block["Statement"])) == list(
            map(without_account_names, policy["Statement"])
        )


def test_queue_settings_match_the_consumer() -> None:
    queue = TEMPLATE["Events"]["Properties"]
    assert queue["VisibilityTimeout"] == VISIBILITY_SECONDS
    assert queue["ReceiveMessageWaitTimeSeconds"] == LONG_POLL_SECONDS
    assert f"visibility timeout | {VISIBILITY_SECONDS} seconds" in PAGE
    receives = queue["RedrivePolicy"]["maxReceiveCount"]
    assert f"after {receives} receives" in PAGE
    dead_letters = queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
    days = [
        TEMPLATE[name]["Properties"]["MessageRetentionPeriod"] // 86400
        for name in ("Events", dead_letters)
    ]
    assert f"{days[0]} days; dead letters {days[1]}" in PAGE
