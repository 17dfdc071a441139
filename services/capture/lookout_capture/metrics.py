"""What capture counts and measures. Labels are camera ids and closed lists of reasons."""

from lookout.telemetry.share import WorkedShare
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from lookout_capture.domain import SHED, DropReason
from lookout_capture.readings import IrregularityKind, StreamDescription

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class StreamMetrics:
    """What cameras' streams are, and what they do."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._irregular = Counter(
            "lookout_capture_irregularities_total",
            "What streams did that they should not, and were read on after, by kind",
            ("camera", "kind"),
            registry=registry,
        )
        self._stream = Gauge(
            "lookout_capture_stream_info",
            "1, with what a camera's stream is in the labels",
            ("camera", "codec", "size", "transport", "decoder"),
            registry=registry,
        )
        self._stated_age = Gauge(
            "lookout_capture_stated_age_seconds",
            "Age of the newest image when read, by the camera's own clock, where it states it (RTCP)",
            ("camera",),
            registry=registry,
        )
        self._stream_labels: dict[str, tuple[str, ...]] = {}

    def camera_known(self, camera: str) -> None:
        """Show a camera's counters from the start."""
        for kind in IrregularityKind:
            self._irregular.labels(camera, kind)

    def irregular(self, camera: str, kind: IrregularityKind) -> None:
        """Count what a stream did that it should not."""
        self._irregular.labels(camera, kind).inc()

    def stated_age(self, camera: str, age_s: float) -> None:
        """How old an image was when read, by the camera's own clock."""
        self._stated_age.labels(camera).set(age_s)

    def described(self, camera: str, stream: StreamDescription) -> None:
        """What a camera's stream is, in place of what it was: one series a camera."""
        labels = (
            camera,
            stream.codec,
            f"{stream.width}x{stream.height}",
            stream.transport,
            stream.decoder,
        )
        before = self._stream_labels.get(camera)
        if before is not None and before != labels:
            self._stream.remove(*before)
        self._stream_labels[camera] = labels
        self._stream.labels(*labels).set(1.0)


class Metrics:
    """Registered once per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"lookout_capture_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"lookout_capture_{name}", text, labels, registry=registry)

        self._frames = counter("frames_total", "Frames sealed and sent on", "camera")
        self._dropped = counter(
            "dropped_total", "Images read but not sealed, by reason", "camera", "reason"
        )
        self._bytes = counter("frame_bytes_total", "Bytes of sealed JPEG sent on", "camera")
        self._failures = counter(
            "source_failures_total", "Readings of a source that failed, by kind", "camera", "kind"
        )
        self._up = gauge("camera_up", "1 while a camera gives images", "camera")
        self._age = gauge(
            "frame_age_seconds",
            "Time since the newest image of a camera was taken (since the start, if there is none)",
            "camera",
        )
        self._stuck = gauge(
            "stuck_readers", "Readers given up in a read that has not returned", "camera"
        )
        self._unacknowledged = gauge(
            "unacknowledged_frames", "Frames sent on and not yet acknowledged by the broker"
        )
        self.streams = StreamMetrics(registry)
        self.share = WorkedShare("frames")
        self._seconds = Histogram(
            "lookout_capture_seconds",
            "From taking the newest images to having sent them on: compressing, keys, sealing, producing",
            buckets=_SECONDS,
            registry=registry,
        )

    def camera_known(self, camera: str) -> None:
        """Show a camera's series from the start, so that a rate over them is right from the first count."""
        self._frames.labels(camera)
        self._bytes.labels(camera)
        self.camera_seen(camera, up=False, age_s=0.0)
        self.stuck_readers(camera, 0)
        for reason in DropReason:
            self._dropped.labels(camera, reason)
        self.streams.camera_known(camera)

    def sealed(self, camera: str, size: int) -> None:
        """Count a frame sent on, and its bytes."""
        self.share.count(worked=1)
        self._frames.labels(camera).inc()
        self._bytes.labels(camera).inc(size)

    def dropped(self, camera: str, reason: DropReason) -> None:
        """Count an image that was not sealed."""
        self.share.count(shed=reason in SHED)
        self._dropped.labels(camera, reason).inc()

    def turn_took(self, seconds: float) -> None:
        """Time from taking the newest images to having sent them on."""
        self._seconds.observe(seconds)

    def camera_seen(self, camera: str, *, up: bool, age_s: float) -> None:
        """How a camera is."""
        self._up.labels(camera).set(1.0 if up else 0.0)
        self._age.labels(camera).set(age_s)

    def source_failed(self, camera: str, kind: str) -> None:
        """Count a reading that failed. ``kind`` is one of the adapters' few words."""
        self._failures.labels(camera, kind).inc()

    def stuck_readers(self, camera: str, number: int) -> None:
        """How many given-up readers a camera has left behind."""
        self._stuck.labels(camera).set(number)

    def unacknowledged(self, number: int) -> None:
        """How many frames are on their way to the broker."""
        self._unacknowledged.set(number)
