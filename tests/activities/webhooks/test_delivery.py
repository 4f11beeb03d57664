"""The activity: who gets an event, and what is tried again."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.errors import Failure
from activities.webhooks.delivery import EventDelivery, WebhookDelivery
from activities.webhooks.sender import Answer
from offers.lifecycle.webhook_events import EventType, WebhookEvent
from offers.policy.webhooks import EventGroup, WebhookEndpoint, WebhookRules

OK, GONE = Answer(status=204), Answer(status=410)
DOWN = Answer(status=500)


class Sender:
    """Answers by the receiver's name."""

    def __init__(self, **answers: Answer) -> None:
        self.answers = answers
        self.sent: list[str] = []

    def send(self, endpoint: WebhookEndpoint, _: WebhookEvent) -> Answer:
        self.sent.append(endpoint.name)
        return self.answers[endpoint.name]


class Attempting:
    """One event, delivered in attempts that remember what the server would."""

    def __init__(self, event: WebhookEvent, sender: Any, rules: WebhookRules | None = None) -> None:
        self.event, self.sender = event, sender
        endpoints = [WebhookEndpoint(name=n, url="https://example.com") for n in sender.answers]
        self.rules = rules or WebhookRules(endpoints=tuple(endpoints))
        self.details: Sequence[Any] = ()
        self.heartbeats = 0

    def attempt(self, receivers: tuple[str, ...] | None = None) -> ApplicationError | None:
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, heartbeat_details=self.details)

        def heartbeat(*details: Any) -> None:
            self.heartbeats += 1
            self.details = [each.model_dump(mode="json") for each in details]

        environment.on_heartbeat = heartbeat
        deliver = WebhookDelivery(self.rules, self.sender).deliver_event
        try:
            environment.run(deliver, EventDelivery(event=self.event, receivers=receivers))
        except ApplicationError as error:
            return error
        return None


def test_delivered_to_all_without_a_heartbeat(event: WebhookEvent) -> None:
    """Each heartbeat is a billed Action."""
    attempting = Attempting(event, Sender(a=OK, b=OK))
    assert attempting.attempt() is None
    assert (attempting.sender.sent, attempting.heartbeats) == (["a", "b"], 0)


def test_only_who_does_not_have_it_gets_it_again(event: WebhookEvent) -> None:
    sender = Sender(a=DOWN, b=OK, c=DOWN)
    attempting = Attempting(event, sender)
    failure = attempting.attempt()
    assert failure is not None
    assert (failure.type, failure.non_retryable) == (Failure.UNAVAILABLE, False)
    assert failure.message == "The webhook a: it answers 500; c: it answers 500"
    assert list(failure.details) == ["webhooks", ["a", "c"]]
    sender.answers["c"] = OK
    attempting.attempt()
    sender.answers["a"] = OK
    assert attempting.attempt() is None
    assert sender.sent == ["a", "b", "c", "a", "c", "a"]


def test_who_wants_no_events_any_more_is_given_up(event: WebhookEvent) -> None:
    sender = Sender(a=GONE, b=DOWN)
    attempting = Attempting(event, sender)
    failure = attempting.attempt()
    assert failure is not None
    assert not failure.non_retryable
    sender.answers["b"] = OK
    failure = attempting.attempt()
    assert failure is not None
    assert (failure.type, failure.non_retryable) == (Failure.REJECTED, True)
    assert failure.message == "The webhook a: it wants no events any more (410)"
    assert failure.details[1] == ["a"]
    assert sender.sent == ["a", "b", "b"]


def test_longest_pause_that_is_asked_for(event: WebhookEvent) -> None:
    pauses = [timedelta(minutes=each) for each in (2, 5)]
    answers = [Answer(status=503, retry_after=each) for each in pauses]
    failure = Attempting(event, Sender(a=answers[0], b=answers[1], c=DOWN)).attempt()
    assert failure is not None
    assert failure.next_retry_delay == pauses[1]
    failure = Attempting(event, Sender(c=DOWN)).attempt()
    assert failure is not None
    assert failure.next_retry_delay is None


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        (EventType.STAGE_CHANGED, ["all", "stages"]),
        (EventType.ATTENTION_RAISED, ["all", "rest"]),
        (EventType.ATTENTION_RESOLVED, ["all", "rest"]),
        (EventType.PAYMENT_RECEIVED, ["all", "rest"]),
        (EventType.PAYMENT_REVERSED, ["all", "rest"]),
    ],
)
def test_receivers_get_what_they_chose(
    event: WebhookEvent, kind: EventType, sent: list[str]
) -> None:
    chosen = {
        "all": tuple(EventGroup),
        "stages": (EventGroup.STAGES,),
        "rest": (EventGroup.ATTENTIONS, EventGroup.PAYMENTS),
    }
    rules = WebhookRules(
        endpoints=tuple(
            WebhookEndpoint(name=name, url="https://example.com", events=events)
            for name, events in chosen.items()
        )
    )
    about = event.model_copy(update={"type": kind})
    attempting = Attempting(about, Sender(all=OK, stages=OK, rest=OK), rules)
    assert attempting.attempt() is None
    assert attempting.sender.sent == sent


def test_named_receivers_only(event: WebhookEvent) -> None:
    attempting = Attempting(event, Sender(a=OK, b=OK))
    assert attempting.attempt(("b", "not there any more")) is None
    assert attempting.sender.sent == ["b"]
