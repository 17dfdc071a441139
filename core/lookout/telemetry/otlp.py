"""Spans to a collector: OTLP over HTTP, by OpenTelemetry's own library, in batches from a thread of its own."""

import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from lookout.stream.tracing import Attributes

_PATH: Final = "/v1/traces"
_TIMEOUT_S: Final = 2.0
_QUIET_S: Final = 60.0
_LOGGER: Final = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
_HEADER: Final = TraceContextTextMapPropagator()


class OnceInAWhile(logging.Filter):
    """Lets one record through, then none for a while."""

    def __init__(self, quiet_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._quiet_s, self._monotonic = quiet_s, monotonic
        self._quiet_until = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:  # noqa: ARG002 - the library's signature
        """See `logging.Filter.filter`."""
        now = self._monotonic()
        if now < self._quiet_until:
            return False
        self._quiet_until = now + self._quiet_s
        return True


class OtlpSpan:
    """A `lookout.stream.tracing.Span`."""

    def __init__(self, span: Span) -> None:
        self._span = span
        context = span.get_span_context()
        self._traceparent = (
            f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
        )

    @property
    def traceparent(self) -> str:
        """See `Span.traceparent`."""
        return self._traceparent

    def end(self) -> None:
        """See `Span.end`."""
        self._span.end()


class OtlpTracer:
    """A `lookout.stream.tracing.Tracer`. A collector that does not answer costs spans, and nothing else."""

    def __init__(
        self,
        *,
        exporter: SpanExporter,
        service: str,
        instance: str,
        version: str,
        sample: float,
    ) -> None:
        """``sample`` is the share of traces that are begun, 0 to 1; those under way go on whatever it is."""
        # Not `Resource.create`, which adds what the environment says.
        resource = Resource(
            {
                "service.namespace": "lookout",
                "service.name": service,
                "service.instance.id": instance,
                "service.version": version,
            }
        )
        self._provider = TracerProvider(
            resource=resource,
            sampler=ParentBased(TraceIdRatioBased(sample)),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("lookout")

    def begin(
        self, name: str, *, parent: str | None, attributes: Attributes, at: datetime | None = None
    ) -> OtlpSpan | None:
        """See `Tracer.begin`."""
        context = Context()
        if parent is not None:
            context = _HEADER.extract({"traceparent": parent}, context)
            if not get_current_span(context).get_span_context().is_valid:
                return None
        span = self._tracer.start_span(
            name,
            context=context,
            kind=SpanKind.PRODUCER if parent is None else SpanKind.CONSUMER,
            attributes=attributes,
            start_time=None if at is None else int(at.timestamp() * 1e9),
        )
        return OtlpSpan(span) if span.is_recording() else None

    def close(self) -> None:
        """Send what is left, for as long as the exporter's time-out allows."""
        self._provider.shutdown()


def otlp_exporter(endpoint: str, *, ca_file: str | None) -> SpanExporter:
    """Spans to the collector at ``endpoint``, such as ``http://127.0.0.1:4318``.

    That it does not answer is logged once a minute: the library would say so with every batch.
    """
    logging.getLogger(_LOGGER).addFilter(OnceInAWhile(_QUIET_S))
    return OTLPSpanExporter(
        endpoint=endpoint.rstrip("/").removesuffix(_PATH) + _PATH,
        certificate_file=ca_file,
        timeout=_TIMEOUT_S,
    )
