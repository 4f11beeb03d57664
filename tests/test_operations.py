"""The files in `ops/`: Prometheus's own tool reads them, and each alert leads to a page."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from activities.task_queues import TaskQueue
from offers.lifecycle.attentions import AttentionCode
from tests.support.promtool import needs_promtool, promtool

ROOT = Path(__file__).parents[1]
RULES = ROOT / "ops" / "prometheus-rules.yml"
RUNBOOK_URL = re.compile(r"docs/runbook\.md#(.+)")


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    alerts: list[dict[str, Any]] = group["rules"]
    return alerts


@needs_promtool
@pytest.mark.parametrize(
    "arguments", [("check", "rules", RULES.name), ("test", "rules", "prometheus-rules-test.yml")]
)
def test_promtool_accepts_the_rules(arguments: tuple[str, ...]) -> None:
    checked = promtool(*arguments, folder=RULES.parent)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_each_alert_leads_to_its_entry_in_the_runbook() -> None:
    """Its own, or that of the attention: test_runbook.py finds out whether there is one."""
    for rule in rules():
        named = RUNBOOK_URL.fullmatch(rule["annotations"]["runbook_url"])
        assert named, rule["alert"]
        if named[1] == "{{ $labels.code }}":
            (codes,) = re.findall(r'code=~"([^"]+)"', rule["expr"])
            assert set(codes.split("|")) <= set(AttentionCode)
        else:
            # As GitHub names the place of a heading.
            assert named[1] in {rule["alert"].lower(), *AttentionCode}


def test_the_number_of_task_queues_in_the_rules() -> None:
    (rule,) = (each for each in rules() if each["alert"] == "OfferflowQueueNotServed")
    assert rule["expr"].endswith(f"< {len(TaskQueue)}")
