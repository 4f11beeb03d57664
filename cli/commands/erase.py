"""Erasing what is kept of an offer that has ended."""

from rich.console import Console
from temporalio.exceptions import ApplicationError

from activities.eula.stored_contracts import StoredContracts, StoredVersion
from cli import common
from cli.common import Opportunity, Yes, command
from cli.terminal import print_line
from client.erasure import Run
from client.offer_client import RequestRejected
from runtime import clients
from runtime.settings import WorkerSettings, read_settings

DELETION_PROGRESS = Console(stderr=True).status("Temporal takes up to a minute to delete runs ...")
"""Shown on a terminal only."""

NOT_REACHED = (
    "Salesforce: the opportunity, with the fields and tasks that were written to it",
    "Mail: what was sent to the buyer, the owner, approvers and finance",
    "AWS Marketplace and Clazar: the offer, its agreement, invoices and payouts",
    "S3: the documents that the contract was merged from, and copies of our bucket",
    "Temporal: what the Schedules' runs read and mailed (deleted when the namespace's retention is"
    " over), archived histories, and backups of its database",
    "Logs: the ids of the opportunity and of its offers",
)
"""What may hold data of the same people, and is not ours to delete or not kept by opportunity."""


@command
async def erase(
    opportunity: Opportunity,
    yes: Yes = False,
) -> None:
    """Erase an offer that has ended: its workflow histories, and its contract files in S3.

    Amendments and earlier runs are erased with it. Shows first what that is. Needs the worker's
    settings, and permissions in AWS that the worker does not have (docs/privacy.md).

    Examples:

    - `offerflow erase 006…`
    """
    contracts = clients.stored_contracts(read_settings(WorkerSettings), clients.AwsClients())
    client = await common.open_offer_client()
    runs, files = await client.ended_runs(opportunity), _find(contracts, opportunity)
    _show(runs, files, contracts)
    if runs or files:
        common.confirm("Erase this? It cannot be undone.", yes=yes, otherwise="nothing was erased")
        # Once more: somebody may have started a new offer before this was confirmed.
        runs = await client.ended_runs(opportunity)
        if contracts:
            _delete(contracts, files)
        with DELETION_PROGRESS:
            await client.delete_runs(runs)
        print_line(f"Erased {_counted(len(runs), 'run')} and {_counted(len(files), 'file')}.")
    else:
        print_line(f"There is nothing of {opportunity} to erase.")
    print_line("Not reached by this command:")
    for each in NOT_REACHED:
        print_line(f"  {each}")


def _show(runs: list[Run], files: list[StoredVersion], contracts: StoredContracts | None) -> None:
    print_line(f"Temporal: {_counted(len(runs), 'run')}")
    for run in runs:
        print_line(f"  {run.workflow_id} {run.run_id} {run.status.name.lower()}")
    if contracts is None:
        print_line("S3: not looked into, because OFFERS_EULA_BUCKET is not set")
        return
    print_line(f"S3: {_counted(len(files), 'file')} in {contracts.bucket}, each version counted")
    for file in files:
        print_line(f"  {file.key} {file.version_id}")


def _find(contracts: StoredContracts | None, opportunity: str) -> list[StoredVersion]:
    try:
        return contracts.find(opportunity) if contracts else []
    except ApplicationError as failure:
        raise RequestRejected(failure.message) from None


def _delete(contracts: StoredContracts, files: list[StoredVersion]) -> None:
    try:
        contracts.delete(files)
    except ApplicationError as failure:
        raise RequestRejected(
            f"{failure.message}: the histories were kept; run it again when that is corrected"
        ) from None


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
