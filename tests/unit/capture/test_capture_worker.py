"""A camera's worker: reconnecting, giving up reads that hang, and ending."""

import gc
import threading
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import repeat

import pytest
from lookout_capture.domain import BackOff, CameraSpec, Pacing, ReadingRules
from lookout_capture.metrics import Metrics
from lookout_capture.ports import Pause, SourceError
from lookout_capture.readings import (
    Irregularity,
    IrregularityKind,
    SourceItem,
    StreamDescription,
    Unreadable,
)
from lookout_capture.worker import CameraWorker
from prometheus_client import CollectorRegistry
from unit.capture.capture_fakes import (
    Script,
    Scripts,
    Step,
    endless,
    eventually,
    raw_frame,
    script,
    utc_now,
)

LIVE = CameraSpec("van-1", "rtsp://user:hunter2@camera/x")
RECORDED = CameraSpec("van-1", "/videos/a.mp4")
QUICK = BackOff(base_s=0.02, cap_s=0.02)


class Bench:
    """A worker on its own, supervised as the loop of capture does."""

    def __init__(
        self,
        scripts: list[Script],
        *,
        camera: CameraSpec = LIVE,
        pacing: Pacing = Pacing.REAL_TIME,
        loop: bool = False,
        stuck_after_s: float = 5.0,
        permitted: bool = True,
    ) -> None:
        self.registry = CollectorRegistry()
        self.scripts = Scripts({"van-1": scripts})
        self.worker = CameraWorker(
            camera=camera,
            sources=self.scripts,
            metrics=Metrics(self.registry),
            wake=threading.Event(),
            clock=utc_now,
            rules=ReadingRules(
                pacing=pacing,
                loop=loop,
                stuck_after_s=stuck_after_s,
                max_left_behind=2,
                back_off=QUICK,
            ),
        )
        self.worker.permit(permitted)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        def supervised() -> bool:
            self.worker.supervise()
            return condition()

        eventually(supervised, what)

    def count(self, name: str, **labels: str) -> float:
        return (
            self.registry.get_sample_value(f"lookout_capture_{name}", {"camera": "van-1", **labels})
            or 0.0
        )


@contextmanager
def bench(
    *scripts: Script,
    camera: CameraSpec = LIVE,
    pacing: Pacing = Pacing.REAL_TIME,
    loop: bool = False,
    stuck_after_s: float = 5.0,
    permitted: bool = True,
) -> Iterator[Bench]:
    made = Bench(
        list(scripts),
        camera=camera,
        pacing=pacing,
        loop=loop,
        stuck_after_s=stuck_after_s,
        permitted=permitted,
    )
    try:
        yield made
    finally:
        made.worker.stop()


def test_a_camera_that_was_never_read_is_down_and_gives_nothing() -> None:
    with bench(endless) as made:
        assert made.worker.take() is None
        assert not made.worker.up
        assert made.count("camera_up") == 0
        assert made.scripts.opened == []


def test_only_the_newest_image_is_kept_and_the_rest_are_counted() -> None:
    newest = raw_frame()
    steps = script(raw_frame(), raw_frame(), newest, 60.0)
    with bench(steps) as made:
        made.until(
            lambda: made.count("dropped_total", reason="superseded") == 2, "two images superseded"
        )
        assert made.worker.take() is newest
        assert made.worker.take() is None
        assert made.worker.up
        made.until(lambda: made.count("camera_up") == 1, "camera up")


def test_an_unreadable_image_is_counted_and_reading_goes_on() -> None:
    steps = script(Unreadable("damaged"), Unreadable("damaged"), raw_frame(), 60.0)
    with bench(steps) as made:
        made.until(lambda: made.worker.take() is not None, "an image")
        assert made.count("dropped_total", reason="unreadable") == 2


def test_a_camera_that_fails_is_opened_again_until_it_answers() -> None:
    fail = script(SourceError("timeout", "no answer in 5.0 s"))
    with bench(fail, fail, endless) as made:
        made.until(lambda: made.worker.failure is not None, "a failure")
        assert made.worker.failure == "no answer in 5.0 s"
        made.until(lambda: made.worker.up, "camera up")
        made.until(lambda: made.worker.failure is None, "no failure any more")
        assert made.count("source_failures_total", kind="timeout") == 2
        assert len(made.scripts.opened) == 3


def test_a_live_stream_that_ends_is_opened_again() -> None:
    with bench(script(raw_frame()), endless) as made:
        made.until(lambda: len(made.scripts.opened) == 2 and made.worker.up, "up again")
        assert made.count("source_failures_total", kind="ended") == 1
        assert not made.worker.over


def test_a_read_that_hangs_is_given_up_and_the_camera_read_anew() -> None:
    hang = threading.Event()
    late = raw_frame(value=1)
    with bench(script(raw_frame(), hang, late), endless, stuck_after_s=0.1) as made:
        made.until(lambda: made.count("source_failures_total", kind="stuck") == 1, "given up")
        assert made.count("camera_up") == 0
        assert made.count("stuck_readers") == 1
        made.until(lambda: made.worker.up and len(made.scripts.opened) == 2, "read anew")

        # The read returns after all: its image is old and must not be kept, its reader must end.
        hang.set()
        made.until(lambda: made.count("stuck_readers") == 0, "the stuck reader ended")
        assert made.scripts.made[0].closed.is_set()
        kept = made.worker.take()
        assert kept is not late
        assert made.worker.up


def test_readers_that_hang_are_bounded_in_number() -> None:
    hang = threading.Event()
    with bench(script(hang), stuck_after_s=0.05) as made:
        made.until(
            lambda: "never returned" in (made.worker.failure or ""), "no more readers are begun"
        )
        assert len(made.scripts.opened) == 2
        hang.set()
        made.until(lambda: len(made.scripts.opened) > 2, "begun again once the reads returned")


def test_waiting_by_our_own_will_is_not_taken_for_hanging() -> None:
    with bench(script(raw_frame(), 0.4, raw_frame(), 60.0), stuck_after_s=0.1) as made:
        made.until(lambda: made.count("dropped_total", reason="superseded") == 1, "second image")
        assert made.count("source_failures_total", kind="stuck") == 0


def test_a_camera_that_is_connected_and_gives_nothing_of_use_is_down_and_its_reading_goes_on() -> (
    None
):
    def blind() -> Iterable[Step]:
        yield raw_frame()
        while True:
            yield Unreadable("damaged image: decoded with errors")
            yield 0.01

    with bench(blind, stuck_after_s=0.2) as made:
        made.until(lambda: made.worker.up, "camera up")
        made.until(lambda: not made.worker.up, "camera down")
        assert (made.worker.failure or "").startswith("connected, but no image of use for 0.")
        assert (made.worker.failure or "").endswith("damaged image: decoded with errors")
        assert made.count("source_failures_total", kind="quiet") == 1
        assert made.count("stuck_readers") == 0
        assert len(made.scripts.opened) == 1


def test_the_age_of_an_image_counts_from_when_it_was_taken() -> None:
    old = raw_frame(at=utc_now() - timedelta(seconds=3))
    with bench(script(old, 60.0)) as made:
        made.until(lambda: 3.0 <= made.count("frame_age_seconds") < 4.0, "the age is told")


def test_what_a_stream_does_and_what_it_is_are_told() -> None:
    def described(width: int) -> StreamDescription:
        return StreamDescription(
            codec="h264",
            width=width,
            height=480,
            pixel_format="yuv420p",
            transport="rtsp over tcp",
        )

    steps = script(
        described(640),
        raw_frame(),
        Irregularity(IrregularityKind.TIME_BACK),
        Irregularity(IrregularityKind.SIZE_CHANGED),
        described(704),
        raw_frame(),
        60.0,
    )
    labels = {"codec": "h264", "transport": "rtsp over tcp", "decoder": "software"}
    with bench(steps) as made:
        made.until(lambda: made.count("stream_info", size="704x480", **labels) == 1, "described")
        assert made.count("stream_info", size="640x480", **labels) == 0
        assert made.count("irregularities_total", kind="time_back") == 1
        assert made.count("irregularities_total", kind="size_changed") == 1


def test_an_error_of_a_reading_keeps_nothing_of_it_alive() -> None:
    # A decoder has threads and memory of its own: only its end ends them, and the collector may be a long time coming.
    class Decoder:
        """Stands for what only its end frees."""

    alive: list[weakref.ref[Decoder]] = []

    class Failing:
        """Has a decoder while it is read."""

        def frames(self, pause: Pause) -> Generator[SourceItem, None, None]:
            decoder = Decoder()
            alive.append(weakref.ref(decoder))
            yield raw_frame()
            raise SourceError("timeout", "no answer in 5.0 s")

    gc.collect()
    gc.disable()
    try:
        with bench(endless) as made:
            made.worker._sources = lambda _: Failing()
            made.until(lambda: len(alive) >= 4, "read four times")
            assert [decoder() is None for decoder in alive[:3]] == [True, True, True]
    finally:
        gc.enable()


def test_a_recording_waits_until_sealing_is_permitted() -> None:
    with bench(endless, camera=RECORDED, permitted=False) as made:
        # A live camera on the same bench comes up within a few turns; this one must not even be opened.
        for _ in range(50):
            made.worker.supervise()
        assert made.scripts.opened == []
        made.worker.permit(True)
        made.until(lambda: made.worker.up, "playing")


def test_a_live_camera_is_read_before_sealing_is_permitted() -> None:
    with bench(endless, permitted=False) as made:
        made.until(lambda: made.worker.up, "camera up")


def test_a_recording_is_over_once_its_last_image_is_taken() -> None:
    with bench(script(raw_frame()), camera=RECORDED) as made:
        made.until(lambda: made.worker._over, "played to the end")
        assert not made.worker.over
        assert made.worker.take() is not None
        made.until(lambda: made.worker.over, "over")
        assert made.worker.failure is None
        assert len(made.scripts.opened) == 1


def test_a_recording_that_cannot_be_played_is_over_and_says_why() -> None:
    fail = script(SourceError("missing", "there is no such file: check the path"))
    with bench(fail, camera=RECORDED) as made:
        made.until(lambda: made.worker.over, "over")
        assert made.worker.failure == "there is no such file: check the path"
        assert made.count("source_failures_total", kind="missing") == 1


def test_a_looped_recording_plays_again_and_again() -> None:
    with bench(script(raw_frame(), 0.01), camera=RECORDED, loop=True) as made:
        made.until(lambda: len(made.scripts.opened) >= 3, "third round")
        assert not made.worker.over


def test_a_recording_played_as_taken_loses_no_image() -> None:
    steps = script(*repeat(raw_frame(), 20))
    taken = 0
    with bench(steps, camera=RECORDED, pacing=Pacing.AS_TAKEN) as made:

        def all_taken() -> bool:
            nonlocal taken
            taken += made.worker.take() is not None
            return made.worker.over

        made.until(all_taken, "all images taken")
    assert taken == 20
    assert made.count("dropped_total", reason="superseded") == 0


@pytest.mark.filterwarnings(
    # The defect is the point: it ends the reader's thread as any would.
    "ignore::pytest.PytestUnhandledThreadExceptionWarning"
)
def test_an_adapter_with_a_defect_is_begun_again_and_counted() -> None:
    def defect() -> list[Step]:
        raise ZeroDivisionError

    with bench(defect, endless) as made:
        made.until(lambda: made.worker.up, "read anew")
        assert made.count("source_failures_total", kind="crashed") == 1


def test_stopping_ends_the_reader_and_releases_the_source() -> None:
    with bench(endless) as made:
        made.until(lambda: made.worker.up, "camera up")
        made.worker.stop()
        assert made.scripts.made[0].closed.is_set()
        assert made.worker.take() is None
        assert not made.worker.up
