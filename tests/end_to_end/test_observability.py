"""What a running worker shows: metrics, health, traces and logs, in a life with failures."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families
from temporalio.client import WorkflowHistory
from temporalio.contrib.opentelemetry import TracingInterceptor
from temporalio.worker import Interceptor, Replayer
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.task_queues import TaskQueue
from offers.ids import workflow_id
from offers.stage import Stage
from runtime.settings import TemporalSettings
from runtime.temporal import data_converter
from tests.support.offer_environment import OfferEnvironment, open_offer_environment
from tests.support.programs import free_address, running_forked_worker
from tests.support.promtool import needs_promtool, promtool
from tests.support.workflow_harness import environment_variables, opportunity_fields
from workflows.common.interceptors import DropUnfitSignals
from workflows.offer.messages import OfferRequest
from workflows.offer.workflow import OfferWorkflow

OPS = Path(__file__).parents[2] / "ops"
BUYER = "canary.buyer@example.com"
METRIC = re.compile(r"\b(?:offerflow|temporal)_[a-z_]+\b")
OF_THE_SDK = {"namespace", "task_queue", "workflow_type"}
OUR_LOGGERS = {"__main__", "temporalio.activity", "temporalio.workflow"}


class Collector(ThreadingHTTPServer):
    """Receives traces, as an OpenTelemetry collector does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Traces)
        self.spans: dict[str, set[str]] = {}
        """The names of the spans of each service."""


class _Traces(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        request = ExportTraceServiceRequest.FromString(
            self.rfile.read(int(self.headers["Content-Length"]))
        )
        for resource in request.resource_spans:
            (service,) = (
                each.value.string_value
                for each in resource.resource.attributes
                if each.key == "service.name"
            )
            names = {span.name for scope in resource.scope_spans for span in scope.spans}
            self.server.spans.setdefault(service, set()).update(names)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""


@contextmanager
def collecting() -> Iterator[Collector]:
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            collector.shutdown()
            thread.join()


@dataclass
class Observed:
    """What was seen of one worker."""

    offer: str
    metrics: str
    history: WorkflowHistory
    log: list[dict[str, Any]] = field(default_factory=list)
    spans: dict[str, set[str]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def observed(dev_server: str, tmp_path_factory: pytest.TempPathFactory) -> Observed:
    folder = tmp_path_factory.mktemp("observed")
    log = folder / "worker.log"

    async def live(address: str) -> Observed:
        async with (
            open_offer_environment(dev_server, folder, ()) as environment,
            running_forked_worker(environment.temporal_client, TaskQueue, log=log),
        ):
            return await _live(environment, address)

    with free_address() as address, collecting() as collector:
        settings = {
            "OFFERS_METRICS_ADDRESS": address,
            "OFFERS_TRACES": "true",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
        }
        with environment_variables(settings):
            seen = asyncio.run(live(address))
    seen.spans = collector.spans
    seen.log = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return seen


async def _live(environment: OfferEnvironment, address: str) -> Observed:
    """From the draft to the acceptance; a vendor fails once, and a workflow task."""
    client, world = environment.temporal_client, environment.world
    (offer,) = environment.put_opportunities(1)
    world.salesforce.put_opportunity(opportunity_fields(offer, Buyer_Email__c=BUYER))
    world.faults.salesforce.answer(503)
    # Not by the command line's client, which waits a few seconds only for the worker to begin.
    handle = await client.start_workflow(
        OfferWorkflow.run,
        OfferRequest(opportunity_id=offer),
        id=workflow_id(offer),
        task_queue=TaskQueue.OFFERS,
    )
    unknown = await client.start_workflow("Unknown", id="unknown", task_queue=TaskQueue.OFFERS)
    await environment.wait_until(offer, lambda row: row.stage == Stage.SHARED)
    await environment.accept(offer)
    await environment.run_agreement_watch()
    await environment.wait_until(offer, lambda row: row.stage == Stage.ACCEPTED)
    await environment.wait_until_idle(offer)
    async with httpx.AsyncClient(trust_env=False) as http:
        metrics = (await http.get(f"http://{address}/metrics")).text
    await unknown.terminate()
    return Observed(offer, metrics, await handle.fetch_history())


def exposed(observed: Observed) -> dict[str, Any]:
    """The families of metrics by name."""
    return {each.name: each for each in text_string_to_metric_families(observed.metrics)}


def samples(observed: Observed, name: str) -> dict[tuple[str, ...], float]:
    """By the values of the labels that we add."""
    return {
        tuple(value for label, value in sorted(each.labels.items()) if label not in OF_THE_SDK): (
            each.value
        )
        for family in exposed(observed).values()
        for each in family.samples
        if each.name == name
    }


def test_rules_and_dashboard_use_metrics_that_exist(observed: Observed) -> None:
    names = {each.name for family in exposed(observed).values() for each in family.samples}
    for file in ("prometheus-rules.yml", "grafana-dashboard.json"):
        used = set(METRIC.findall((OPS / file).read_text(encoding="utf-8")))
        assert used, file
        assert used - names == set(), file


@needs_promtool
def test_metrics_are_named_as_prometheus_asks_for(observed: Observed) -> None:
    lines = observed.metrics.splitlines()
    ours = [f"{line}\n" for line in lines if re.match(r"(# \w+ )?offerflow_", line)]
    checked = promtool("check", "metrics", given="".join(ours))
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_labels_name_no_offer_and_nobody(observed: Observed) -> None:
    for canary in (observed.offer, observed.offer[:15], "offer/", "example.com"):
        assert canary not in observed.metrics


def test_calls_are_counted_by_vendor_and_outcome(observed: Observed) -> None:
    calls = samples(observed, "offerflow_vendor_calls_total")
    assert calls["check_deal", "unavailable", "salesforce"] == 1
    assert calls["submit_offer", "success", "aws"] == 1
    assert calls["send_to_buyer", "success", "email"] == 1
    assert samples(observed, "offerflow_publication_duration_seconds_count") == {("aws",): 1}
    assert samples(observed, "offerflow_acceptance_delay_seconds_count") == {(): 1}


def test_one_line_at_the_start_says_what_is_switched_on(observed: Observed) -> None:
    (start,) = (line for line in observed.log if line["event"] == "worker starts")
    assert start["queues"] == list(TaskQueue)
    assert start["namespace"].startswith("test-")
    assert start["version"] == version("offerflow")
    assert {"metrics", "traces"} <= set(start["switched_on"])
    assert "health" not in start["switched_on"]


def test_each_stage_is_logged_once_and_a_vendor_without_traceback(observed: Observed) -> None:
    ours = [line for line in observed.log if line["logger"] in OUR_LOGGERS]
    assert [line["event"] for line in ours if "stage" in line] == [
        f"stage: {stage}" for stage in ("submitted", "generating", "live", "shared", "accepted")
    ]
    assert [line["event"] for line in ours if "vendor" in line] == [
        "trouble with salesforce begins: Salesforce: login answers 503"
    ]
    assert not any("exception" in line for line in ours)


def test_traces_reach_the_collector(observed: Observed) -> None:
    spans = observed.spans["offerflow"]
    assert {"RunWorkflow:OfferWorkflow", "StartActivity:submit_offer"} <= spans
    assert {"RunActivity:submit_offer", "RunActivity:send_to_buyer"} <= spans


@pytest.mark.parametrize(
    "interceptors",
    [[], [TracingInterceptor(always_create_workflow_spans=True)]],
    ids=["without", "with"],
)
async def test_history_replays_in_the_sandbox_with_and_without_traces(
    observed: Observed, interceptors: list[Interceptor]
) -> None:
    assert b"_tracer-data" in b"".join(e.SerializeToString() for e in observed.history.events)
    await Replayer(
        workflows=[OfferWorkflow],
        data_converter=data_converter(TemporalSettings()),
        interceptors=[*interceptors, DropUnfitSignals()],
        workflow_runner=SandboxedWorkflowRunner(
            SandboxRestrictions.default.with_passthrough_modules("email_validator", "idna")
        ),
    ).replay_workflow(observed.history)
