"""Reads the summaries of offers from Temporal's list of workflows: no offer is asked.

The list is read by the plain API call: the SDK's own list decodes the search attributes of each
workflow twice, which for 10,000 offers takes longer than all the rest.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from temporalio.api.enums.v1 import WorkflowExecutionStatus
from temporalio.api.workflow.v1 import WorkflowExecutionInfo
from temporalio.api.workflowservice.v1 import (
    ListWorkflowExecutionsRequest,
    ListWorkflowExecutionsResponse,
)
from temporalio.client import Client
from temporalio.converter import WithSerializationContext, WorkflowSerializationContext
from temporalio.service import RPCError, RPCStatusCode

from activities.temporal.pending_work import describe
from offers.lifecycle.summary import OfferSummary
from offers.stage import Stage

PAGE_SIZE = 1000
"""Temporal's limit."""

STOPPED = frozenset(
    {
        WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TERMINATED,
        WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_TIMED_OUT,
        WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_CANCELED,
    }
)

UNREADABLE = (
    "its summary cannot be read: check OFFERS_ENCRYPTION_KEYS, and that this program and the"
    " workers have the same version"
)


@dataclass(frozen=True, eq=False)
class ListedOffer:
    """A run of an offer's workflow as Temporal lists it."""

    info: WorkflowExecutionInfo
    summary: OfferSummary | None
    """None if there is none, or if it cannot be read."""
    listed: bytes | None = field(default=None, repr=False)
    """The same as bytes, which differ if it has changed; None: it was asked for, not listed."""

    @property
    def path(self) -> str:
        """The offer's path (`offers.ids.offer_path`)."""
        return self.info.execution.workflow_id.partition("/")[2]

    @property
    def started_at(self) -> datetime:
        """When the run began (UTC, real time)."""
        return self.info.start_time.ToDatetime(UTC)

    @property
    def is_running(self) -> bool:
        """Whether the run is open."""
        return self.info.status == WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_RUNNING

    @property
    def has_completed(self) -> bool:
        """Whether the workflow came to its own end."""
        return self.info.status == WorkflowExecutionStatus.WORKFLOW_EXECUTION_STATUS_COMPLETED

    @property
    def is_stopped(self) -> bool:
        """Whether the run was ended from outside: nobody follows the offer any more."""
        return self.info.status in STOPPED

    @property
    def stage(self) -> Stage:
        """By the search attributes, as are the values of `attribute`."""
        return Stage(self.attribute("OfferStage") or Stage.DRAFT)

    @property
    def offer_id(self) -> str | None:
        """The id in AWS."""
        return self.attribute("OfferId")

    def attribute(self, name: str) -> str | None:
        """A search attribute as text: a Keyword, or an instant in ISO 8601."""
        payload = self.info.search_attributes.indexed_fields.get(name)
        return json.loads(payload.data) if payload else None

    @property
    def problem(self) -> str | None:
        """Why there is no summary; a first draft that nobody has checked yet needs none."""
        is_new = not self.info.memo.fields and self.stage is Stage.DRAFT
        return None if self.summary or is_new else UNREADABLE


async def list_offers(
    client: Client, condition: str, known: Iterable[ListedOffer] = ()
) -> list[ListedOffer]:
    """The runs that meet a condition, the oldest first, without those that continued as new.

    `known`: those of an earlier call.  What has not changed is the same object again: to decrypt
    and read a summary takes most of the time.
    """
    before = {each.info.execution.run_id: each for each in known}
    query = (
        f"WorkflowType = 'OfferWorkflow' AND ExecutionStatus != 'ContinuedAsNew' AND ({condition})"
    )
    found = []
    async for page in _pages(client, query):
        for info in page:
            listed = info.SerializeToString(deterministic=True)
            same = before.get(info.execution.run_id)
            if same is None or same.listed != listed:
                # A copy: a part of a page would keep the whole page in memory.
                own = WorkflowExecutionInfo.FromString(listed)
                same = ListedOffer(own, await _summary(client, own), listed)
            found.append(same)
    found.sort(key=lambda each: (each.started_at, each.path))
    # Search may show a run that has just continued as new as running, together with the next one.
    newest = {each.path: each for each in found if each.is_running}
    return [each for each in found if not each.is_running or each is newest[each.path]]


async def read_offer(client: Client, workflow_id: str) -> ListedOffer | None:
    """The newest run of one workflow, as it is now; None if there is none.  Raises RPCError."""
    try:
        info = (await describe(client, workflow_id)).workflow_execution_info
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None
    return ListedOffer(info, await _summary(client, info))


def newest_runs(offers: Iterable[ListedOffer]) -> list[ListedOffer]:
    """Of each workflow the newest run; `offers` are sorted as `list_offers` does."""
    newest = {each.path: each for each in offers}
    return sorted(newest.values(), key=lambda each: (each.started_at, each.path))


async def _pages(client: Client, query: str) -> AsyncIterator[Sequence[WorkflowExecutionInfo]]:
    """The pages of a list; Temporal looks for the next while one is read."""

    async def page(token: bytes) -> ListWorkflowExecutionsResponse:
        request = ListWorkflowExecutionsRequest(
            namespace=client.namespace, page_size=PAGE_SIZE, query=query, next_page_token=token
        )
        return await client.workflow_service.list_workflow_executions(request, retry=True)

    answer = await page(b"")
    while answer.next_page_token:
        following = asyncio.create_task(page(answer.next_page_token))
        await asyncio.sleep(0)  # so that the request is sent
        yield answer.executions
        answer = await following
    yield answer.executions


async def _summary(client: Client, info: WorkflowExecutionInfo) -> OfferSummary | None:
    fields = info.memo.fields
    names = [name for name in OfferSummary.model_fields if name in fields]
    payloads = [fields[name] for name in names]
    converter = client.data_converter
    codec = converter.payload_codec
    # Only the codec knows the workflow: a whole converter for each takes ten times as long.
    if isinstance(codec, WithSerializationContext):
        context = WorkflowSerializationContext(client.namespace, info.execution.workflow_id)
        codec = codec.with_context(context)
    try:
        if codec:
            payloads = await codec.decode(payloads)
        values = converter.payload_converter.from_payloads(payloads)
        return OfferSummary.from_memo(dict(zip(names, values, strict=True)))
    except Exception:  # whatever a codec raises; one offer must not break the list of all
        return None
