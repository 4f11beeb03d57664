"""EventBridge and SQS, simulated by moto's server."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import httpx
from moto.server import ThreadedMotoServer

CREDENTIALS = {"aws_access_key_id": "example", "aws_secret_access_key": "example"}


@dataclass
class EventQueue:
    """A queue with the events that match one rule."""

    url: str
    sqs: Any

    def receive_bodies(self) -> list[dict[str, Any]]:
        """The bodies of the messages that can be received now."""
        received = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in received.get("Messages", ())]


@contextmanager
def run_eventbridge() -> Iterator[str]:
    """Run moto's server; its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    # moto keeps its state until the process ends.
    httpx.post(f"{endpoint}/moto-api/reset").raise_for_status()
    try:
        yield endpoint
    finally:
        server.stop()


def create_queue(endpoint: str, pattern: dict[str, Any]) -> EventQueue:
    """Create a queue, and a rule that sends it the events that match this pattern."""
    options = {"endpoint_url": endpoint, "region_name": "us-east-1", **CREDENTIALS}
    sqs, events = boto3.client("sqs", **options), boto3.client("events", **options)
    url = sqs.create_queue(QueueName="events")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    events.put_rule(Name="events", EventPattern=json.dumps(pattern))
    target = {"Id": "queue", "Arn": attributes["Attributes"]["QueueArn"]}
    events.put_targets(Rule="events", Targets=[target])
    return EventQueue(url, sqs)
