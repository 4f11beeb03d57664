"""What Temporal's SDK tells of itself: its logs, its metrics for Prometheus, and traces."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from temporalio.client import Interceptor
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)

from runtime.settings import InvalidSettings
from workflows.offer.durations import ACCEPTANCE_DELAY, PUBLICATION

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
BUCKETS = {
    # About 45 minutes is usual.
    PUBLICATION: [
        *(5 * MINUTE, 15 * MINUTE, 30 * MINUTE, 45 * MINUTE, 60 * MINUTE, 90 * MINUTE),
        *(2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY),
    ],
    # Seconds with AWS's events, and else one interval of the agreement watch.
    ACCEPTANCE_DELAY: [
        *(1.0, 5.0, 15.0, 30.0, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE),
        *(30 * MINUTE, HOUR, 6 * HOUR, DAY),
    ],
}
"""Upper bounds of the histograms, in seconds."""


def set_default_runtime(metrics_address: str | None = None) -> None:
    """Send the logs of Temporal's core to standard error; by default they go to standard output.

    `metrics_address`: where Prometheus finds the metrics, those of the SDK and ours; None: nowhere.
    """
    forwarding = LogForwardingConfig(logging.getLogger("temporalio.core"))
    wanted = TelemetryFilter(core_level="WARN", other_level="ERROR")
    metrics = (
        PrometheusConfig(
            bind_address=metrics_address,
            # As Prometheus names metrics; without these the SDK counts milliseconds.
            counters_total_suffix=True,
            unit_suffix=True,
            durations_as_seconds=True,
            histogram_bucket_overrides=BUCKETS,
        )
        if metrics_address
        else None
    )
    telemetry = TelemetryConfig(
        logging=LoggingConfig(wanted, forwarding=forwarding),
        metrics=metrics,
        attach_service_name=False,
    )
    try:
        runtime = Runtime(telemetry=telemetry)
    except ValueError:  # of the SDK, for an address at which it cannot listen
        raise InvalidSettings(
            f"OFFERS_METRICS_ADDRESS: nothing can listen at {metrics_address}: choose another"
            " address, or end the program that uses it"
        ) from None
    Runtime.set_default(runtime, error_if_already_set=False)


@contextmanager
def tracing(*, wanted: bool) -> Iterator[list[Interceptor]]:
    """What a client needs for traces, which are sent as OpenTelemetry's `OTEL_*` variables say.

    None if no traces are wanted.  At the end those that wait are sent: the process ends without
    Python's own shutdown.
    """
    if not wanted:
        yield []
        return
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from temporalio.contrib.opentelemetry import TracingInterceptor
    except ImportError:
        raise InvalidSettings(
            "OFFERS_TRACES is set, and OpenTelemetry is not installed: pip install"
            " 'offerflow[traces]', or unset it"
        ) from None
    provider = TracerProvider(
        resource=Resource({SERVICE_NAME: "offerflow"}).merge(OTELResourceDetector().detect())
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    try:
        # Schedules and people start workflows, and neither begins a trace.
        yield [TracingInterceptor(always_create_workflow_spans=True)]
    finally:
        provider.shutdown()
