"""The page about webhooks and the code agree."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from offers.lifecycle.webhook_events import GROUPS, EventType, WebhookEvent
from offers.policy.policy import Policy
from tests.support.webhook_receiver import OTHER_SECRET, SECRET

PAGE = (Path(__file__).parents[1] / "docs" / "webhooks.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.mark.parametrize("body", blocks("json"))
def test_example_is_what_the_code_sends(body: str) -> None:
    event = WebhookEvent.model_validate({"id": "msg_1", **json.loads(body)})
    assert event.body == body.strip()


def test_each_type_has_its_row() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| ?`?(\w*)`? ?\|", PAGE, flags=re.MULTILINE)
    assert dict(rows) == {each: GROUPS.get(each, "") for each in EventType}


def test_policy_of_the_page_is_valid() -> None:
    import tomllib

    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    (endpoint,) = Policy.model_validate(tomllib.loads(text)).webhooks.endpoints
    assert endpoint.name == "crm"


@pytest.mark.parametrize(
    "change",
    [
        None,
        {"secret": OTHER_SECRET},
        {"webhook-signature": "nonsense"},
        {"webhook-timestamp": "1"},
        {"body": b"\xff"},
    ],
)
def test_lines_that_verify_an_event(change: dict[str, Any] | None) -> None:
    (lines,) = blocks("python")
    now, body = datetime.now(UTC), blocks("json")[0].strip()
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("msg_1", now, body),
    }
    given: dict[str, Any] = {"secret": SECRET, "headers": headers, "body": body.encode()}
    for name, value in (change or {}).items():
        (given if name in given else headers)[name] = value
    if change is None:
        exec(lines, given)  # noqa: S102
        assert given["event"]["data"]["stage"] == "shared"
    else:
        with pytest.raises(SystemExit, match="answer 400"):
            exec(lines, given)  # noqa: S102
