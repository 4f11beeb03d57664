"""AWS's EventBridge and SQS, simulated by moto's server, with a rule and its queue."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
import yaml
from moto.server import ThreadedMotoServer

EXAMPLE = Path(__file__).parents[2] / "examples" / "events.yaml"
TEMPLATE: Any = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))["Resources"]
PATTERN: dict[str, list[str]] = TEMPLATE["Rule"]["Properties"]["EventPattern"]
"""Of the rule that sends AWS Marketplace's events to the queue."""
KEYS = {"aws_access_key_id": "example", "aws_secret_access_key": "example"}

WHOLE_EVENT = {"InputTemplate": "<aws.events.event.json>"}
"""What AWS sends without a transformer: moto 5.2 leaves out the account."""


@dataclass
class Queue:
    """A queue, its dead-letter queue, and clients for both."""

    endpoint: str
    url: str
    dead_letters: str
    sqs: Any
    events: Any

    def send(self, body: str) -> None:
        """Send a message directly, without EventBridge."""
        self.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def waiting(self) -> int:
        """How many messages are in the queue, including those received and not yet deleted."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        return sum(int(found["Attributes"][name]) for name in names)

    def bodies(self, url: str) -> list[str]:
        """What can be received now."""
        received = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        return [message["Body"] for message in received.get("Messages", ())]


@contextmanager
def eventbridge() -> Iterator[str]:
    """Start both; yields their address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    # moto keeps its state for as long as the process runs.
    httpx.post(f"{endpoint}/moto-api/reset").raise_for_status()
    try:
        yield endpoint
    finally:
        server.stop()


def make_queue(
    endpoint: str, pattern: dict[str, Any], name: str = "offer-events", max_receives: int = 5
) -> Queue:
    """Create a queue, and a rule that sends it the events that match the pattern."""
    where = {"endpoint_url": endpoint, "region_name": "us-east-1", **KEYS}
    sqs, events = boto3.client("sqs", **where), boto3.client("events", **where)
    dead_letters = sqs.create_queue(QueueName=f"{name}-dead-letters")["QueueUrl"]
    redrive = {"deadLetterTargetArn": _arn(sqs, dead_letters), "maxReceiveCount": max_receives}
    queue = sqs.create_queue(QueueName=name, Attributes={"RedrivePolicy": json.dumps(redrive)})
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    target = {
        "Id": "queue",
        "Arn": _arn(sqs, queue["QueueUrl"]),
        "InputTransformer": WHOLE_EVENT,
    }
    events.put_targets(Rule=name, Targets=[target])
    return Queue(endpoint, queue["QueueUrl"], dead_letters, sqs, events)


def _arn(sqs: Any, url: str) -> str:
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(found["Attributes"]["QueueArn"])
