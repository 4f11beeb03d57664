"""Temporal: the server, its namespace, and what runs there."""

from datetime import timedelta

from temporalio.api.enums.v1 import NamespaceState, TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue as TaskQueueName
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeTaskQueueRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from activities.task_queues import TaskQueue
from activities.temporal.pollers import is_polled
from activities.temporal.schedules import ProblemKind
from runtime import schedules
from runtime.checks.items import (
    Check,
    CheckedItem,
    Result,
    Status,
    not_checked,
    ok,
    run_checks,
    wrong,
)
from runtime.settings import TemporalSettings
from runtime.temporal import ADMINISTRATORS_ONLY, ServerUnreachable, connect
from workflows.offer.search_attributes import KEYS

SYSTEM = "Temporal"
SHORTEST_RETENTION = timedelta(days=30)
"""Shorter, and offers are gone before their payouts are reported (docs/privacy.md)."""


async def check_temporal(settings: TemporalSettings) -> list[CheckedItem]:
    client: list[Client] = []

    async def server() -> list[Result]:
        try:
            connected = await connect(settings)
        except ServerUnreachable as error:
            return [wrong(str(error), "Start the server, or correct TEMPORAL_ADDRESS")]
        results = await _namespace(connected)
        client.append(connected)
        return [ok(connected.service_client.config.target_host), *results]

    found = await run_checks([Check(SYSTEM, "server", server)])
    if not client or _lacks_namespace(found):
        return found
    connected = client[0]

    async def schedule_rows() -> list[Result]:
        return await _schedules(connected)

    return [
        *found,
        *await _check_namespace(connected),
        *await run_checks([Check(SYSTEM, "Schedules", schedule_rows)]),
    ]


async def check_connection(client: Client) -> list[CheckedItem]:
    """The same by a client that is connected, without the Schedules."""

    async def server() -> list[Result]:
        return [ok(client.service_client.config.target_host), *await _namespace(client)]

    found = await run_checks([Check(SYSTEM, "server", server)])
    return found if _lacks_namespace(found) else found + await _check_namespace(client)


def _lacks_namespace(found: list[CheckedItem]) -> bool:
    return any(each.item == "namespace" and each.status is Status.WRONG for each in found)


async def _check_namespace(client: Client) -> list[CheckedItem]:
    async def search_attributes() -> list[Result]:
        return await _search_attributes(client)

    def workers(queue: TaskQueue) -> Check:
        async def ask() -> list[Result]:
            return await _workers(client, queue)

        return Check(SYSTEM, f"worker of {queue}", ask)

    return await run_checks(
        [
            Check(SYSTEM, "search attributes", search_attributes),
            *map(workers, TaskQueue),
        ]
    )


async def _namespace(client: Client) -> list[Result]:
    name, other = client.namespace, "Correct TEMPORAL_NAMESPACE, or create the namespace"
    try:
        answer = await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=name)
        )
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return [wrong(f"there is no namespace {name}", other, "namespace")]
    if answer.namespace_info.state != NamespaceState.NAMESPACE_STATE_REGISTERED:
        return [wrong(f"the namespace {name} is being deleted", other, "namespace")]
    retention = answer.config.workflow_execution_retention_ttl.ToTimedelta()
    kept = f"days for which offers are kept after their end: {retention.days}"
    if retention < SHORTEST_RETENTION:
        command = f"temporal operator namespace update --namespace {name} --retention 90d"
        what = f"{kept}; later reports do not show them"
        return [ok(name, "namespace"), wrong(what, f"`{command}`", "retention")]
    return [ok(name, "namespace"), ok(kept, "retention")]


async def _search_attributes(client: Client) -> list[Result]:
    try:
        answer = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
    except RPCError as error:
        if error.status in ADMINISTRATORS_ONLY:
            return [not_checked("only an administrator of the server may list them")]
        raise
    if missing := [key.name for key in KEYS if key.name not in answer.custom_attributes]:
        remedy = "Start a worker, which adds them; in Temporal Cloud an administrator must"
        return [wrong(f"the namespace lacks {', '.join(missing)}", remedy)]
    return [ok(f"all {len(KEYS)}")]


async def _workers(client: Client, queue: TaskQueue) -> list[Result]:
    kinds = [TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY]
    if queue is TaskQueue.OFFERS:
        kinds.append(TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW)
    for kind in kinds:
        answer = await client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=client.namespace,
                task_queue=TaskQueueName(name=queue),
                task_queue_type=kind,
            )
        )
        if not is_polled(answer):
            what = "no worker has asked for work in the last minutes"
            return [wrong(what, f"Start worker.py, for all queues or with --queues {queue}")]
    return [ok()]


async def _schedules(client: Client) -> list[Result]:
    results = []
    for row in await schedules.rows(client):
        item = f"Schedule {row.schedule_id}"
        if row.problem:
            command = "apply" if row.problem_kind is ProblemKind.NEVER_APPLIED else "list"
            results.append(wrong(row.problem, f"`offerflow schedules {command}`", item))
        elif row.paused:
            note = f" ({row.note})" if row.note else ""
            remedy = f"`offerflow schedules resume {row.schedule_id}` when it may run again"
            results.append(wrong(f"it is paused{note}", remedy, item))
        else:
            last = f"{row.last_run:%Y-%m-%d %H:%M} UTC" if row.last_run else "none yet"
            results.append(ok(f"last run: {last}", item))
    return results
