"""The fakes of the bench have the names of the activities that they replace."""

from typing import cast

from temporalio.client import Client

from activities.aws.agreements import AwsAgreements
from activities.aws.catalog import AwsCatalog
from activities.email.smtp import Email
from activities.preflight import Preflight
from activities.salesforce.write_back import Salesforce
from activities.task_queues import TaskQueue
from activities.temporal.payouts import Payouts
from bench.fakes import FakeActivities

REAL = {
    TaskQueue.OFFERS: (Payouts,),
    TaskQueue.PREFLIGHT: (Preflight,),
    TaskQueue.AWS_MARKETPLACE: (AwsCatalog, AwsAgreements),
    TaskQueue.SALESFORCE: (Salesforce,),
    TaskQueue.EMAIL: (Email,),
}


def test_each_fake_has_the_name_of_a_real_activity() -> None:
    fakes = FakeActivities(cast(Client, None))
    for queue, classes in REAL.items():
        names = {fake.__name__ for fake in fakes.for_queue(queue)} - {"run_baseline_activity"}
        assert names
        assert names <= {name for each in classes for name in vars(each)}
