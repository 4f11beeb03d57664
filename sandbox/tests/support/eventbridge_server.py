"""EventBridge and SQS, simulated by moto's server."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from moto.server import ThreadedMotoServer

from sandbox.tests.support.aws_seller import SESSION


@contextmanager
def run_eventbridge() -> Iterator[str]:
    """Run moto's server, with a queue for all events of AWS Marketplace; its address."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    # moto keeps its state until the process ends.
    httpx.post(f"{endpoint}/moto-api/reset").raise_for_status()
    sqs, events = (SESSION.client(each, endpoint_url=endpoint) for each in ("sqs", "events"))
    url = sqs.create_queue(QueueName="events")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    events.put_rule(Name="events", EventPattern='{"source": ["aws.marketplace"]}')
    target = {"Id": "queue", "Arn": attributes["Attributes"]["QueueArn"]}
    events.put_targets(Rule="events", Targets=[target])
    try:
        yield endpoint
    finally:
        server.stop()


def received_events(endpoint: str) -> list[dict[str, Any]]:
    """The events that have arrived in the queue."""
    sqs = SESSION.client("sqs", endpoint_url=endpoint)
    url = sqs.get_queue_url(QueueName="events")["QueueUrl"]
    received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in received.get("Messages", ())]
