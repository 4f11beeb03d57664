"""Salesforce: the token, the fields of the map, tasks and currencies."""

from temporalio.exceptions import ApplicationError

from activities.errors import Failure
from activities.salesforce.client import SalesforceClient
from activities.salesforce.describe import describe
from activities.salesforce.field_check import (
    OPPORTUNITY,
    TASK,
    FieldCheck,
    FieldProblem,
    currency_problems,
    task_problems,
)
from activities.salesforce.field_map import FieldMap
from activities.salesforce.opportunities import ReadyAfter
from runtime import clients
from runtime.checks.items import Check, CheckedItem, Result, Status, ok, run_checks, wrong
from runtime.settings import WorkerSettings

SYSTEM = "Salesforce"


async def check_salesforce(settings: WorkerSettings) -> list[CheckedItem]:
    client = clients.salesforce_client(settings)

    def token() -> list[Result]:
        client.call(lambda _: None)
        return [ok(f"given by {settings.salesforce_login_url}")]

    found = await run_checks([Check(SYSTEM, "token", token)])
    if found[0].status is not Status.OK:
        return found

    def fields() -> list[Result]:
        return _fields(client, settings.fields())

    def currencies() -> list[Result]:
        return _currencies(client, settings.fields())

    def tasks() -> list[Result]:
        return _tasks(client)

    def intake() -> list[Result]:
        try:
            ready = clients.opportunities(settings).find_ready_opportunities(
                ReadyAfter(changed_at=None)
            )
        except ApplicationError as error:
            if error.type != Failure.REJECTED:
                raise
            remedy = "Correct ready in the field map: it must be a SOQL condition"
            return [wrong(error.message, remedy)]
        return [ok(f"opportunities that are ready for an offer: {len(ready)}")]

    return found + await run_checks(
        [
            Check(SYSTEM, "fields", fields),
            Check(SYSTEM, "currencies", currencies),
            Check(SYSTEM, "tasks", tasks),
            Check(SYSTEM, "intake", intake),
        ]
    )


def _fields(client: SalesforceClient, fields: FieldMap) -> list[Result]:
    if problems := FieldCheck(client, fields).problems():
        return list(map(_wrong_field, problems))
    count = len(fields.read) + len(fields.order_form) + len(fields.write)
    return [ok(f"all {count} of the field map")]


def _currencies(client: SalesforceClient, fields: FieldMap) -> list[Result]:
    if problems := list(currency_problems(fields, describe(client, OPPORTUNITY))):
        return list(map(_wrong_field, problems))
    path = fields.read.get("currency")
    return [ok(f"read from {path}" if path else f"all amounts are in {fields.default_currency}")]


def _wrong_field(problem: FieldProblem) -> Result:
    item = f"{problem.name} ({problem.field})"
    return wrong(problem.problem, problem.remedy, item)


def _tasks(client: SalesforceClient) -> list[Result]:
    remedy = "Extend the permission set of our user; needed for offers that are created in Clazar"
    problems = [
        wrong(problem, remedy, f"tasks ({field})" if field else "tasks")
        for field, problem in task_problems(describe(client, TASK))
    ]
    return problems or [ok()]
