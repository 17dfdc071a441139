"""One trace leads from an image to its alert; a span says which stage and when, and nothing of anybody."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from lookout.events import Alert, Embedding, Event, Face, Frame, Match, Track
from lookout.stream.ports import Partition, Position
from lookout.stream.processor import Delivery
from lookout.stream.tracing import ATTRIBUTES, Attributes, StageTracing, Traced, Untraced
from lookout.telemetry.otlp import OtlpTracer, otlp_exporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from support.golden import example

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

# The released examples are of one passage: each names what it came of.
FRAME = example(Frame, "frame/frame")
FACE = example(Face, "face/first_shot")
EMBEDDING = example(Embedding, "embedding/first_shot")
MATCH = example(Match, "match/confirmed")
ALERT = example(Alert, "alert/first")
AT = FRAME.captured_at
# What came in, and what came of it, stage by stage.
WAY: Sequence[tuple[str, Event, Event]] = (
    ("detection", FRAME, FACE),
    ("embedding", FACE, EMBEDDING),
    ("matching", EMBEDDING, MATCH),
    ("alerting", MATCH, ALERT),
)
# Ids that would tell of somebody.
TELLING = {
    FRAME.frame_id,
    FRAME.image.key_id,
    FACE.face_id,
    FACE.track_id,
    FACE.chip.key_id,
    MATCH.match_id,
    MATCH.entry_id,
    ALERT.alert_id,
}


@dataclass
class Collector:
    """The library's own exporter, in memory, shared by all services of a test."""

    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    tracers: list[OtlpTracer] = field(default_factory=list)

    def stage(self, name: str, *, sample: float = 1.0, remembered: int = 16) -> Traced:
        tracer = OtlpTracer(
            exporter=self.exporter,
            service=name,
            instance=f"{name}-1",
            version="1",
            sample=sample,
        )
        self.tracers.append(tracer)
        return Traced(tracer, name, remembered=remembered)

    def spans(self) -> Sequence[ReadableSpan]:
        # Closing a tracer would close the exporter, which then keeps nothing.
        for tracer in self.tracers:
            assert tracer._provider.force_flush()
        return self.exporter.get_finished_spans()


@pytest.fixture(name="collector")
def collector_fixture() -> Any:
    collector = Collector()
    yield collector
    for tracer in collector.tracers:
        tracer.close()


def delivery(event: Event, traceparent: str | None, offset: int = 0) -> Delivery[Any]:
    return Delivery(event, Position(Partition("lookout.frames", 0), offset), traceparent)


def through_all_stages(collector: Collector) -> None:
    carried = collector.stage("capture").made(FRAME)
    for name, came, went in WAY:
        stage = collector.stage(name)
        stage.begin([delivery(came, carried)])
        carried = stage.traceparent_of(went)
        stage.end()


def test_from_the_image_to_the_alert_is_one_trace(collector: Collector) -> None:
    through_all_stages(collector)
    spans = {span.name: span for span in collector.spans()}
    stages = ["capture", "detection", "embedding", "matching", "alerting"]
    assert sorted(spans) == sorted(stages)
    assert len({span.context.trace_id for span in spans.values() if span.context}) == 1
    assert spans["capture"].parent is None
    for before, after in pairwise(stages):
        parent, context = spans[after].parent, spans[before].context
        assert parent is not None
        assert context is not None
        assert parent.span_id == context.span_id


def test_the_first_span_begins_when_the_image_was_taken(collector: Collector) -> None:
    collector.stage("capture").made(replace(FRAME, captured_at=AT + timedelta(seconds=0.25)))
    (span,) = collector.spans()
    assert span.start_time == int((AT.timestamp() + 0.25) * 1e9)


def test_a_span_tells_nothing_of_anybody(collector: Collector) -> None:
    through_all_stages(collector)
    for span in collector.spans():
        told = dict(span.attributes or {})
        assert set(told) <= ATTRIBUTES
        assert MATCH.score not in told.values()
        assert not span.events
        written = span.to_json()
        assert not [word for word in TELLING if word in written]


def test_what_is_not_sampled_carries_nothing(collector: Collector) -> None:
    capture = collector.stage("capture", sample=0.0)
    assert capture.made(FRAME) is None
    assert not collector.spans()


def test_a_trace_that_was_begun_goes_on_whatever_the_share(collector: Collector) -> None:
    stage = collector.stage("detection", sample=0.0)
    stage.begin([delivery(FRAME, PARENT)])
    assert str(stage.traceparent_of(FACE)).startswith(PARENT[:36])


@pytest.mark.parametrize(
    "header", ["", "00-a-b-01", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "\ufffd"]
)
def test_a_header_that_is_no_traceparent_is_passed_over(collector: Collector, header: str) -> None:
    stage = collector.stage("detection")
    stage.begin([delivery(FRAME, header)])
    assert stage.traceparent_of(FACE) is None
    stage.end()
    assert not collector.spans()


def test_a_match_of_a_shot_of_an_earlier_batch_goes_on_from_that_shot(collector: Collector) -> None:
    stage = collector.stage("matching")
    stage.begin([delivery(EMBEDDING, PARENT)])
    stage.end()
    stage.begin([])
    assert str(stage.traceparent_of(MATCH)).startswith(PARENT[:36])


def test_only_so_many_records_are_remembered(collector: Collector) -> None:
    stage = collector.stage("detection", remembered=2)
    frames = [replace(FRAME, frame_id=f"frame-{number}") for number in (1, 2, 3)]
    stage.begin([delivery(frame, PARENT, at) for at, frame in enumerate(frames)])
    known = [
        stage.traceparent_of(replace(FACE, frame_id=frame.frame_id)) is not None for frame in frames
    ]
    assert known == [False, True, True]


def test_what_came_of_nothing_known_and_what_is_no_passage_carry_nothing(
    collector: Collector,
) -> None:
    stage = collector.stage("detection")
    stage.begin([delivery(FRAME, None)])
    assert stage.traceparent_of(FACE) is None
    track = example(Track, "track/ended")
    assert stage.traceparent_of(track) is None


def test_without_traces_nothing_is_carried() -> None:
    stage: StageTracing = Untraced()
    stage.begin([delivery(FRAME, PARENT)])
    assert stage.traceparent_of(FACE) is None
    assert stage.made(FRAME) is None
    stage.end()


def test_a_tracer_keeps_no_attribute_that_it_was_not_given(collector: Collector) -> None:
    attributes: Attributes = {"lookout.camera": "camera-1"}
    span = collector.stage("capture")._tracer.begin("capture", parent=None, attributes=attributes)
    assert span is not None
    span.end()
    (seen,) = collector.spans()
    assert dict(seen.attributes or {}) == attributes
    assert set(seen.resource.attributes) <= {
        "service.namespace",
        "service.name",
        "service.instance.id",
        "service.version",
    }


def test_a_collector_that_is_away_costs_spans_and_one_line_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tracer = OtlpTracer(
        exporter=otlp_exporter("http://127.0.0.1:9", ca_file=None),
        service="detection",
        instance="detection-1",
        version="1",
        sample=1.0,
    )
    stage = Traced(tracer, "detection")
    for offset in range(3):
        stage.begin([delivery(FRAME, PARENT, offset)])
        stage.end()
        tracer._provider.force_flush(3000)
    tracer.close()
    assert len(caplog.records) == 1
    assert stage.traceparent_of(FACE) is not None


def test_a_service_without_traces_has_no_exporter_and_no_thread_of_one() -> None:
    # The client of the keyring loads the SDK where it finds it, and does nothing with it unless told.
    code = (
        "import sys, lookout.hosting.service, lookout_capture.__main__, lookout_alerting.__main__;"
        "from redis.observability.recorder import _get_or_create_collector as redis_tells;"
        "named = ('opentelemetry.exporter', 'opentelemetry.sdk.trace.export', 'lookout.telemetry.otlp');"
        "sys.exit(any(name.startswith(named) for name in sys.modules) or redis_tells() is not None)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
