"""Finds the offers that renew an agreement by Temporal's search attributes."""

from temporalio import activity
from temporalio.client import Client, WorkflowExecution

from offers.agreements.renewal import RenewalOffer, most_advanced
from offers.ids import path_of_workflow
from offers.stage import Stage


class Renewals:
    """Activities on renewals."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn
    async def find_renewal(self, agreement_id: str) -> RenewalOffer | None:
        """The offer that renews an agreement, named by the first of its chain."""
        query = (
            "WorkflowType = 'OfferWorkflow' AND ExecutionStatus != 'ContinuedAsNew'"
            f" AND RenewedAgreementId = '{agreement_id}'"
        )
        newest: dict[str, WorkflowExecution] = {}
        async for execution in self._client.list_workflows(query):
            known = newest.get(execution.id)
            if known is None or known.start_time < execution.start_time:
                newest[execution.id] = execution
        return most_advanced(
            RenewalOffer(
                path=path_of_workflow(each.id),
                stage=Stage(str(each.search_attributes["OfferStage"][0])),
            )
            for each in newest.values()
        )
