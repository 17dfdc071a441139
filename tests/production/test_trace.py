"""One trace from a camera's image to its alert, as a collector receives it from the running services."""

import gzip
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from lookout.stream.tracing import ATTRIBUTES
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from support.http_receiver import Received, http_receiver
from support.kafka_node import KafkaNode
from support.polling import until
from support.scene import compose_scene, pulled_models
from support.street import street

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.redis,
    pytest.mark.models,
    pytest.mark.faces,
    pytest.mark.timeout(600),
]

_STAGES = ("capture", "detection", "embedding", "matching", "alerting")
_ALERTED_WITHIN_S = 180.0
Figures = Callable[[str, object], None]
Trace = Sequence[tuple[str, Span]]
"""Spans with the service that sent each."""


def test_an_image_and_its_alert_are_one_trace_through_all_services(
    kafka: KafkaNode, tmp_path: Path, figures: Figures
) -> None:
    models = pulled_models(tmp_path)
    scene = compose_scene(models, tmp_path)
    found: list[Trace] = []
    with http_receiver() as collector:
        environment = {"LOOKOUT_TRACES_ENDPOINT": collector.url}
        with street(kafka, scene, tmp_path / "state", environment=environment):

            def alerted() -> bool:
                found[:] = [trace for trace in _traces(collector.received) if _is_whole(trace)]
                return bool(found)

            until(alerted, "a trace from an image to its alert", _ALERTED_WITHIN_S)
        traces = _traces(collector.received)
    whole = [trace for trace in traces if _is_whole(trace)]
    lines = _tree(whole[0])
    assert {span.name for _, span in whole[0]} >= set(_STAGES)
    for trace in traces:
        for service, span in trace:
            assert span.name == service
            assert {one.key for one in span.attributes} <= ATTRIBUTES
    figures("traces received", len(traces))
    figures("traces from an image to its alert", len(whole))
    for number, line in enumerate(lines):
        figures(f"one trace, line {number + 1}", line)


def _traces(requests: Sequence[Received]) -> Sequence[Trace]:
    """By trace id, as received until now."""
    traces: dict[bytes, list[tuple[str, Span]]] = {}
    for request in list(requests):
        assert request.path == "/v1/traces"
        zipped = request.headers.get("content-encoding") == "gzip"
        body = gzip.decompress(request.body) if zipped else request.body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = {one.key: one.value.string_value for one in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    traces.setdefault(span.trace_id, []).append((names["service.name"], span))
    return list(traces.values())


def _is_whole(trace: Trace) -> bool:
    """Whether a span of alerting leads back, parent by parent, through every stage to capture."""
    by_id = {span.span_id: (service, span) for service, span in trace}
    for service, span in trace:
        if service != "alerting":
            continue
        way, parent = [service], span.parent_span_id
        while parent in by_id:
            way.append(by_id[parent][0])
            parent = by_id[parent][1].parent_span_id
        if tuple(reversed(way)) == _STAGES and not parent:
            return True
    return False


def _tree(trace: Trace) -> list[str]:
    """The spans, each under its parent, with when it began after the image and how long it took."""
    children: dict[bytes, list[Span]] = {}
    for _, span in sorted(trace, key=lambda one: one[1].start_time_unix_nano):
        children.setdefault(span.parent_span_id, []).append(span)
    (root,) = children[b""]
    lines = [f"trace {root.trace_id.hex()}"]

    def show(span: Span, depth: int, under: Mapping[bytes, Sequence[Span]]) -> None:
        after = (span.start_time_unix_nano - root.start_time_unix_nano) / 1e6
        took = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6
        lines.append(
            f"{'  ' * depth}{span.name:<{24 - 2 * depth}} +{after:7.1f} ms  {took:7.1f} ms"
        )
        for child in under.get(span.span_id, ()):
            show(child, depth + 1, under)

    show(root, 0, children)
    return lines
