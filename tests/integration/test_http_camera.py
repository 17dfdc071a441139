"""Capture on real HTTP servers: MJPEG, HLS, MPEG-TS; and streams that do what they should not."""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from lookout_capture.adapters import video
from lookout_capture.adapters.video import VideoSource
from lookout_capture.domain import CameraSpec, Pacing
from lookout_capture.ports import SourceError
from lookout_capture.readings import (
    Irregularity,
    IrregularityKind,
    RawFrame,
    SourceItem,
    Unreadable,
)
from support.decoded import pixels_of
from support.http_camera import (
    Pages,
    claiming,
    http_camera,
    jpeg_of,
    mjpeg,
    moving,
    paced,
    playlist,
    transport_stream,
    write_segments,
)
from support.live_camera import live_camera, now_utc
from support.polling import until


def _walk() -> Iterator[bytes]:
    return (jpeg_of(moving(number)) for number in itertools.count())


def test_images_of_an_mjpeg_camera_are_as_young_as_their_arrival() -> None:
    pages = Pages({"/mjpg": mjpeg(_walk, fps=10)})
    with http_camera(pages) as address, live_camera(f"{address}/mjpg") as live:
        live.await_up()
        # Long enough for made-up times (25 images a second) to be seconds away from what is so.
        started = time.monotonic()
        ages: list[float] = []
        while time.monotonic() - started < 4:
            frame = live.next_image()
            ages.append((now_utc() - frame.captured_at).total_seconds())
        assert len(ages) > 30
        assert max(ages) < 0.5
        assert live.count("frame_age_seconds") < 0.5
        assert live.count(
            "stream_info",
            codec="mjpeg",
            size="320x240",
            transport="mpjpeg over http",
            decoder="software",
        )


def test_pictures_of_every_size_and_in_grey_are_read_or_counted_and_reading_goes_on() -> None:
    small, large = jpeg_of(moving(0)), jpeg_of(moving(0, 640, 480))
    grey = jpeg_of(np.full((240, 320), 77, np.uint8))
    dot = jpeg_of(np.zeros((1, 1, 3), np.uint8))
    claims = claiming(small, 12_000, 12_000)
    torn = small[: len(small) // 2]

    def series() -> Iterator[bytes]:
        yield from [small] * 10
        for _ in itertools.count():
            yield from [small, large, grey, dot, claims, torn]

    with (
        http_camera(Pages({"/mjpg": mjpeg(series, fps=20)})) as address,
        live_camera(f"{address}/mjpg") as live,
    ):
        live.await_up()
        sizes: set[tuple[int, int]] = set()
        greys: list[float] = []

        def all_seen() -> bool:
            frame = live.worker.take()
            if frame is not None:
                sizes.add((frame.width, frame.height))
                pixels = pixels_of(frame)
                assert pixels.shape == (frame.height, frame.width, 3)
                if np.ptp(pixels) < 8:
                    greys.append(float(pixels.mean()))
            return (
                live.count("irregularities_total", kind="size_changed") >= 12
                and live.count("dropped_total", reason="unreadable") >= 6
            )

        until(all_seen, "all of the series, several times")
        assert sizes == {(320, 240), (640, 480)}
        assert greys
        assert max(abs(value - 77) for value in greys) < 3
        assert live.worker.up
        assert live.count("source_failures_total", kind="unreadable") == 0


def test_an_image_that_is_too_large_is_refused_before_room_is_made_for_it() -> None:
    small, large = jpeg_of(moving(0)), jpeg_of(np.zeros((6_000, 9_000), np.uint8))

    def series() -> Iterator[bytes]:
        yield from [small] * 3
        yield from [large, small]

    with http_camera(Pages({"/mjpg": mjpeg(series, fps=50)})) as address:
        source = VideoSource(CameraSpec("van-1", f"{address}/mjpg"), clock=now_utc)
        items: list[SourceItem] = []
        with pytest.raises(SourceError, match="the connection broke off"):
            items.extend(iter(source.frames(lambda _: False)))
    refused = [item.detail for item in items if isinstance(item, Unreadable)]
    # Not by our own look at the decoded image, which says so in other words.
    assert refused == ["image damaged, or of more than 50 million pixels"]
    assert [item.width for item in items if isinstance(item, RawFrame)] == [320] * 4


def test_a_camera_whose_images_are_all_too_small_is_down_and_says_why() -> None:
    dot = jpeg_of(np.zeros((8, 8, 3), np.uint8))

    def shrinking() -> Iterator[bytes]:
        yield from [jpeg_of(moving(0))] * 5
        yield from itertools.repeat(dot)

    with (
        http_camera(Pages({"/mjpg": mjpeg(shrinking, fps=20)})) as address,
        live_camera(
            f"{address}/mjpg", open_timeout_s=1, read_timeout_s=1, stuck_after_s=1.5
        ) as live,
    ):
        live.await_up()
        live.await_down()
        assert live.worker.failure is not None
        assert live.worker.failure.startswith("connected, but no image of use for 1.")
        assert live.worker.failure.endswith("8 x 8 pixels are too few to show a face")
        assert live.count("source_failures_total", kind="quiet") == 1
        assert live.count("stuck_readers") == 0


def test_a_live_hls_stream_plays_at_its_pace_and_not_in_bursts(tmp_path: Path) -> None:
    segments = write_segments(tmp_path, count=8)
    started = time.monotonic()

    def now_listed() -> bytes:
        # Three segments at first, and one more each second.
        shown = min(len(segments), 3 + int(time.monotonic() - started))
        first = max(0, shown - 4)
        return playlist([path.name for path in segments[first:shown]], first=first)

    texts = {f"/hls/{path.name}": path.read_bytes for path in segments}
    pages = Pages(texts={"/hls/live.m3u8": now_listed, **texts})
    with http_camera(pages) as address, live_camera(f"{address}/hls/live.m3u8") as live:
        live.await_up()
        arrivals: list[float] = []
        while len(arrivals) < 45:
            frame = live.next_image()
            arrivals.append(time.monotonic())
            assert abs((now_utc() - frame.captured_at).total_seconds()) < 0.5
        assert live.count("dropped_total", reason="superseded") <= 3
    steps = np.diff(arrivals)
    assert 2.4 < arrivals[-1] - arrivals[0] < 4.5
    assert float(np.median(steps)) == pytest.approx(1 / 15, abs=0.03)
    assert pages.asked.count("/hls/live.m3u8") >= 2


def test_a_playlist_does_not_make_capture_open_a_local_file(tmp_path: Path) -> None:
    segment = write_segments(tmp_path, count=1)[0]
    listed = playlist([segment.as_uri(), str(segment)], over=True)
    pages = Pages(texts={"/live.m3u8": lambda: listed})
    with http_camera(pages) as address:
        source = VideoSource(CameraSpec("van-1", f"{address}/live.m3u8"), clock=now_utc)
        with pytest.raises(SourceError):
            list(source.frames(lambda _: False))
    # The path without a scheme is asked of the server, as the standard says.
    assert set(pages.asked) <= {"/live.m3u8", str(segment)}


def test_a_stream_whose_times_jump_back_is_dated_by_arrival_and_counted() -> None:
    first = transport_stream(images=15, first_s=1000.0)
    again = transport_stream(images=15, first_s=5.0)

    def pieces() -> Iterator[tuple[bytes, float]]:
        yield first, 1.0
        for _ in itertools.count():
            yield again, 1.0

    with (
        http_camera(Pages({"/live.ts": paced(pieces)})) as address,
        live_camera(f"{address}/live.ts") as live,
    ):
        until(
            lambda: live.count("irregularities_total", kind="time_back") >= 2, "times jumped back"
        )
        for _ in range(5):
            frame = live.next_image()
            age_s = (now_utc() - frame.captured_at).total_seconds()
            assert -0.01 <= age_s < 1.5
        # It is live: what comes at once is not played at a pace, only the newest is kept.
        assert live.count("dropped_total", reason="superseded") > 20
        assert live.worker.up
        assert live.worker.failure is None


@pytest.mark.parametrize(
    ("first_s", "kind"),
    [
        (20.0, IrregularityKind.TIME_BACK),
        # A step back of more than a minute is taken by FFmpeg for a counter that went around, which is a step forward.
        (1000.0, IrregularityKind.TIME_JUMP),
    ],
)
def test_a_recording_whose_times_jump_back_plays_on_and_loses_no_image(
    tmp_path: Path, first_s: float, kind: IrregularityKind
) -> None:
    path = tmp_path / "joined.ts"
    path.write_bytes(
        transport_stream(images=15, first_s=first_s) + transport_stream(images=15, first_s=5.0)
    )
    waits: list[float] = []

    def pause(seconds: float) -> bool:
        waits.append(seconds)
        return False

    source = VideoSource(
        CameraSpec("van-1", str(path)),
        clock=now_utc,
        pacing=Pacing.REAL_TIME,
        monotonic=lambda: 0.0,
    )
    items = list(source.frames(pause))
    assert len([item for item in items if isinstance(item, RawFrame)]) == 30
    assert [item.kind for item in items if isinstance(item, Irregularity)] == [kind]
    # Nothing is waited for that is not to be played: 30 images at 15 a second.
    assert max(waits) == pytest.approx(29 / 15, abs=0.01)
    assert not [item for item in items if isinstance(item, Unreadable)]


def test_a_stream_whose_picture_ends_while_its_sound_goes_on_is_told() -> None:
    content = transport_stream(images=15, sound_s=40.0)
    head = content[: len(content) // 2]
    rest = content[len(content) // 2 :]
    step = 188 * 20

    def pieces() -> Iterator[tuple[bytes, float]]:
        yield head, 0.0
        for at in range(0, len(rest), step):
            yield rest[at : at + step], 0.2

    with (
        http_camera(Pages({"/live.ts": paced(pieces)})) as address,
        live_camera(f"{address}/live.ts", read_timeout_s=1.0) as live,
    ):
        until(lambda: live.count("source_failures_total", kind="silent") >= 1, "told")
        assert live.count("stuck_readers") == 0
        assert live.count("source_failures_total", kind="stuck") == 0


def test_a_recording_by_http_plays_in_real_time() -> None:
    content = transport_stream(images=30)
    listed = playlist(["all.ts"], over=True)
    pages = Pages(texts={"/all.m3u8": lambda: listed, "/all.ts": lambda: content})
    with http_camera(pages) as address:
        waits: list[float] = []

        def pause(seconds: float) -> bool:
            waits.append(seconds)
            return False

        source = VideoSource(
            CameraSpec("van-1", f"{address}/all.m3u8"), clock=now_utc, monotonic=lambda: 0.0
        )
        items = list(source.frames(pause))
    assert len([item for item in items if isinstance(item, RawFrame)]) == 30
    assert max(waits) == pytest.approx(29 / 15, abs=0.1)


def test_a_stream_that_sends_data_and_never_an_image_is_told_instead_of_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A decoder that waits for a key frame that never comes takes everything and gives nothing.
    monkeypatch.setattr(video, "_decode", lambda _: iter(()))
    monkeypatch.setattr(video, "_NO_IMAGE_S", 1.0)
    with http_camera(Pages({"/mjpg": mjpeg(_walk, fps=20)})) as address:
        source = VideoSource(CameraSpec("van-1", f"{address}/mjpg"), clock=now_utc)
        with pytest.raises(SourceError, match="no image could be made of it") as told:
            list(source.frames(lambda _: False))
    assert told.value.kind == "no_picture"


def test_a_stream_that_sends_data_and_never_an_image_ends_when_told_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(video, "_decode", lambda _: iter(()))
    asked = itertools.count()
    with http_camera(Pages({"/mjpg": mjpeg(_walk, fps=20)})) as address:
        source = VideoSource(CameraSpec("van-1", f"{address}/mjpg"), clock=now_utc)
        assert list(source.frames(lambda _: next(asked) >= 10)) == []
