"""Delivers an event to those who want it; what does not arrive is tried again for days."""

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.errors import Failure
from activities.webhooks.sender import Answer, WebhookSender
from offers.lifecycle.attentions import Vendor
from offers.lifecycle.webhook_events import GROUPS, WebhookEvent
from offers.model import FrozenModel
from offers.policy.webhooks import WebhookEndpoint, WebhookRules


class EventDelivery(FrozenModel):
    """An event, and who is still to get it."""

    event: WebhookEvent
    receivers: tuple[str, ...] | None = None
    """Names in the policy; None: all who want it."""


class Attempts(FrozenModel):
    """What earlier attempts came to: kept by the server between them."""

    delivered: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


class WebhookDelivery:
    """Sends events to the receivers in the worker's policy, as it is now."""

    def __init__(self, rules: WebhookRules, sender: WebhookSender) -> None:
        self._rules = rules
        self._sender = sender

    # It goes on to its end: an exception in its thread could strike in the middle of a call.
    @activity.defn(no_thread_cancel_exception=True)
    def deliver_event(self, delivery: EventDelivery) -> None:
        """Deliver an event to each receiver that does not have it yet.

        Fails with the receivers that do not have it as its second detail: retryable, or REJECTED
        once all that is missing are receivers that want no events any more.
        """
        before = activity.info().heartbeat_details
        past = Attempts.model_validate(before[0]) if before else Attempts()
        delivered, gone = list(past.delivered), list(past.gone)
        failed: dict[str, Answer] = {}
        for endpoint in self._receivers(delivery):
            if endpoint.name in (*delivered, *gone):
                continue
            answer = self._sender.send(endpoint, delivery.event)
            if answer.is_delivered:
                delivered.append(endpoint.name)
            elif answer.is_gone:
                gone.append(endpoint.name)
            else:
                failed[endpoint.name] = answer
        if failed and (delivered or gone):
            # Only then: each heartbeat is a billed Action.
            activity.heartbeat(Attempts(delivered=tuple(delivered), gone=tuple(gone)))
        if failed or gone:
            raise _failure(failed, gone)

    def _receivers(self, delivery: EventDelivery) -> list[WebhookEndpoint]:
        return [
            each
            for each in self._rules.receivers(GROUPS[delivery.event.type])
            if delivery.receivers is None or each.name in delivery.receivers
        ]


def _failure(failed: dict[str, Answer], gone: list[str]) -> ApplicationError:
    problems = [f"{name}: {answer}" for name, answer in failed.items()]
    problems += [f"{name}: it wants no events any more (410)" for name in gone]
    pauses = [each.retry_after for each in failed.values() if each.retry_after]
    return ApplicationError(
        "The webhook " + "; ".join(problems),
        Vendor.WEBHOOKS,
        [*failed, *gone],
        type=Failure.UNAVAILABLE if failed else Failure.REJECTED,
        non_retryable=not failed,
        next_retry_delay=max(pauses, default=None),
    )
