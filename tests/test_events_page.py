"""What is said of setting up AWS's events is one and the same in all places."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from activities.aws.events import KINDS
from runtime.sqs_consumer import LONG_POLL_SECONDS, VISIBILITY_SECONDS

ROOT = Path(__file__).parents[1]
TEMPLATE: Any = yaml.safe_load((ROOT / "examples" / "events.yaml").read_text())["Resources"]
PATTERN: dict[str, list[str]] = TEMPLATE["Rule"]["Properties"]["EventPattern"]
PAGE = (ROOT / "docs" / "events.md").read_text()
BLOCKS: list[Any] = [
    json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)
]


def plain(statement: dict[str, Any]) -> dict[str, Any]:
    """Without the names that an account gives."""
    condition = {name: list(keys) for name, keys in statement.get("Condition", {}).items()}
    return {**statement, "Resource": None, "Condition": condition}


def test_the_page_and_the_template_have_one_pattern() -> None:
    assert BLOCKS[0] == PATTERN


def test_the_pattern_is_what_is_listened_to() -> None:
    assert set(PATTERN["source"]) == {source for source, _ in KINDS}
    assert sorted(PATTERN["detail-type"]) == sorted(kind for _, kind in KINDS)


def test_the_page_and_the_template_give_the_same_rights() -> None:
    for block, resource in zip(BLOCKS[1:], ("OnlyTheRuleSends", "WorkerReads"), strict=True):
        policy = TEMPLATE[resource]["Properties"]["PolicyDocument"]
        assert block["Version"] == policy["Version"]
        assert list(map(plain, block["Statement"])) == list(map(plain, policy["Statement"]))


def test_the_queue_suits_the_listener() -> None:
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
