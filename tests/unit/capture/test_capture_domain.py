"""Capture's pure rules."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from lookout.events import DeploymentState, ServiceState, ServiceStatus
from lookout_capture.domain import (
    BackOff,
    CameraSpec,
    CameraSpecError,
    CameraView,
    DropReason,
    NewestFrame,
    Pacing,
    SourceKind,
    is_fresh,
    judge,
    parse_cameras,
    why_not_capturing,
    why_upstream_not_ready,
)
from lookout_capture.timing import RateLimit, Schedule
from unit.capture.capture_fakes import live_deployment, raw_frame

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
SECRET = "hunter2"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "ID=SOURCE"),
        ("van-1", "has no source"),
        ("van-1=", "has no source"),
        ("=rtsp://h/x", "ID=SOURCE"),
        (f"rtsp://user:{SECRET}@h/x?a=b", "ID=SOURCE"),
        ("van 1=0", "ID=SOURCE"),
        ("x" * 65 + "=0", "ID=SOURCE"),
        (f"van-1=ftp://user:{SECRET}@h/x", "ftp:// is no source"),
        (f"van-1=rtsp://user:{SECRET}@h:99999/x", "host or port"),
        ("van-1=rtsp:///only-a-path", "host or port"),
        (f"van-1=rtsp://user:{SECRET}@[::1/x", "host or port"),
    ],
)
def test_a_camera_badly_described_is_refused_without_showing_its_source(
    text: str, reason: str
) -> None:
    with pytest.raises(CameraSpecError) as refused:
        CameraSpec.parse(text)
    assert reason in str(refused.value)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("source", "kind", "location", "recorded"),
    [
        ("a", SourceKind.FILE, "a", True),
        ("/videos/a=b c.mp4", SourceKind.FILE, "/videos/a=b c.mp4", True),
        ("file:///videos/a.mp4", SourceKind.FILE, "/videos/a.mp4", True),
        ("/pictures/", SourceKind.FOLDER, "/pictures/", True),
        ("folder:/pictures", SourceKind.FOLDER, "/pictures", True),
        ("0", SourceKind.WEBCAM, "0", False),
        ("webcam:2", SourceKind.WEBCAM, "2", False),
        ("/dev/video11", SourceKind.WEBCAM, "11", False),
        ("rtsp://h/x?y=1", SourceKind.RTSP, "rtsp://h/x?y=1", False),
        ("RTSPS://h/x", SourceKind.RTSP, "RTSPS://h/x", False),
        ("http://u:p@h:8080/mjpg", SourceKind.HTTP, "http://u:p@h:8080/mjpg", False),
        ("https://h/", SourceKind.HTTP, "https://h/", False),
    ],
)
def test_the_form_of_a_source_tells_its_kind(
    source: str, kind: SourceKind, location: str, *, recorded: bool
) -> None:
    camera = CameraSpec.parse(f"van-1={source}")
    assert (camera.kind, camera.location, camera.recorded) == (kind, location, recorded)


@pytest.mark.parametrize(
    "source",
    [
        f"rtsp://user:{SECRET}@10.0.0.5:554/live",
        f"rtsp://10.0.0.5:554/user=admin&password={SECRET}",
        f"http://h/mjpg?token={SECRET}",
        f"https://user:{SECRET}@[fe80::1]:8443/x",
        f"rtsp:/user:{SECRET}@10.0.0.5/typing-error",
    ],
)
def test_no_form_of_a_camera_shows_its_credentials(source: str) -> None:
    camera = CameraSpec.parse(f"van-1={source}")
    shown = [repr(camera), str(camera), f"{camera}", camera.redacted(), repr([camera])]
    assert not any(SECRET in text for text in shown)
    assert camera.redacted().startswith("van-1=")
    assert SECRET in camera.location


def test_the_redacted_form_still_tells_which_host_it_is() -> None:
    camera = CameraSpec.parse(f"van-1=https://user:{SECRET}@[fe80::1]:8443/x")
    assert camera.redacted() == "van-1=https://[fe80::1]:8443/…"
    assert CameraSpec.parse("van-1=/videos/a.mp4").redacted() == "van-1=/videos/a.mp4"


@pytest.mark.parametrize("text", ["", "  \n", "# nothing\n;"])
def test_a_list_without_cameras_is_refused(text: str) -> None:
    with pytest.raises(CameraSpecError, match="no camera"):
        parse_cameras(text)


def test_cameras_are_listed_by_line_or_semicolon_with_comments() -> None:
    cameras = parse_cameras("# the van\nvan-1=0\n\nvan-2=/a, b.mp4; van-3 = rtsp://h/x ")
    assert [(c.camera_id, c.location) for c in cameras] == [
        ("van-1", "0"),
        ("van-2", "/a, b.mp4"),
        ("van-3", "rtsp://h/x"),
    ]


def test_a_camera_id_used_twice_is_refused_by_name() -> None:
    with pytest.raises(CameraSpecError, match="more than once: van-1"):
        parse_cameras("van-1=0;van-1=1")


def test_an_empty_slot_gives_nothing() -> None:
    assert NewestFrame().take() is None


def test_the_slot_keeps_the_newest_and_tells_what_it_cost() -> None:
    slot, old, new = NewestFrame(), raw_frame(), raw_frame()
    assert slot.put(old) is None
    assert slot.put(new) is DropReason.SUPERSEDED
    assert slot.take() is new
    assert slot.take() is None


@pytest.mark.parametrize(
    ("fps", "times", "wanted"),
    [
        (None, [], []),
        (None, [0.0, 0.001, 0.002], [0.0, 0.001, 0.002]),
        (10.0, [i / 25 for i in range(11)], [0.0, 0.12, 0.2, 0.32, 0.4]),
        (10.0, [0.0, 0.1, 0.2, 0.3], [0.0, 0.1, 0.2, 0.3]),
        (10.0, [0.0, 5.0, 5.01, 5.02, 5.1], [0.0, 5.0, 5.1]),
        (30.0, [0.0, 0.1, 0.2], [0.0, 0.1, 0.2]),
    ],
)
def test_the_rate_limit_thins_evenly_and_never_makes_up_for_gaps(
    fps: float | None, times: list[float], wanted: list[float]
) -> None:
    limit = RateLimit(fps)
    assert [at for at in times if limit.admit(at)] == wanted


def test_a_recording_plays_in_real_time_from_its_first_image() -> None:
    schedule = Schedule(Pacing.REAL_TIME)
    assert schedule.wait_s(media_s=7.0, now_s=100.0) == 0.0
    assert schedule.wait_s(media_s=7.5, now_s=100.2) == pytest.approx(0.3)
    assert schedule.wait_s(media_s=8.0, now_s=103.0) == 0.0


def test_a_recording_played_as_taken_is_always_due() -> None:
    schedule = Schedule(Pacing.AS_TAKEN)
    assert [schedule.wait_s(media_s=at, now_s=0.0) for at in (0.0, 1.0, 60.0)] == [0.0, 0.0, 0.0]


def test_back_off_grows_to_its_cap_with_at_most_half_of_it_random() -> None:
    back_off = BackOff(base_s=0.5, cap_s=8.0)
    rng = random.Random(1)
    for failures, full in [(1, 0.5), (2, 1.0), (3, 2.0), (5, 8.0), (6, 8.0), (10_000, 8.0)]:
        delays = [back_off.delay_s(failures, rng) for _ in range(200)]
        assert full / 2 <= min(delays)
        assert max(delays) <= full
        assert max(delays) - min(delays) > full / 4


@pytest.mark.parametrize(
    ("age_s", "fresh"), [(0.0, True), (2.0, True), (2.001, False), (-2.0, True), (-2.001, False)]
)
def test_an_image_is_fresh_up_to_the_limit_whichever_clock_is_wrong(
    age_s: float, *, fresh: bool
) -> None:
    assert is_fresh(NOW - timedelta(seconds=age_s), NOW, timedelta(seconds=2)) is fresh


Word = tuple[ServiceStatus, timedelta]


def _word(
    service: str,
    *,
    heard_s: float = 0.5,
    age_s: float = 0.5,
    state: ServiceState = ServiceState.LIVE,
) -> Word:
    at = NOW - timedelta(seconds=age_s)
    status = ServiceStatus(
        deployment_id="",
        service=service,
        instance=f"{service}-{age_s}",
        state=state,
        reason="the keyring is gone",
        since=at,
        reported_at=at,
    )
    return status, timedelta(seconds=heard_s)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "keeper has not reported"),
        ([_word("keeper")], "matching has not reported"),
        ([_word("matching")], "keeper has not reported"),
        ([_word("keeper"), _word("matching", heard_s=0.91)], "matching last reported at 2026"),
        # The topic keeps old words: one that was just read is not one that was just said.
        (
            [_word("keeper"), _word("matching", heard_s=0, age_s=3)],
            "matching last reported at 2026",
        ),
        ([_word("keeper"), _word("matching", age_s=-3)], "in the future here: set the clocks"),
        (
            [_word("keeper", state=ServiceState.NOT_RUNNING), _word("matching")],
            "keeper is not running: the keyring is gone",
        ),
    ],
)
def test_capture_stays_shut_without_a_fresh_and_running_keeper_and_matching(
    words: list[Word], reason: str
) -> None:
    told = why_upstream_not_ready(words, NOW)
    assert told is not None
    assert reason in told


@pytest.mark.parametrize("state", [ServiceState.LIVE, ServiceState.DEGRADED])
def test_one_good_instance_is_enough_for_its_service(state: ServiceState) -> None:
    words = [
        _word("keeper", heard_s=60, age_s=60),
        _word("keeper", heard_s=0.9, age_s=1.0, state=state),
        _word("matching", state=ServiceState.NOT_RUNNING),
        _word("matching"),
    ]
    assert why_upstream_not_ready(words, NOW) is None


@pytest.mark.parametrize("differs_s", [-1.9, 1.9])
def test_clocks_that_differ_a_little_shut_nothing(differs_s: float) -> None:
    words = [_word(service, age_s=differs_s) for service in ("keeper", "matching")]
    assert why_upstream_not_ready(words, NOW) is None


def test_no_deployment_means_no_authority() -> None:
    shut = why_not_capturing(camera_id="van-1", deployment=None, upstream=None, now=NOW)
    assert shut is not None
    assert (shut.reason, shut.detail) == (
        DropReason.NO_AUTHORITY,
        "camera van-1: no live deployment covers it",
    )


def test_a_live_deployment_and_running_services_open_the_gate() -> None:
    deployment = live_deployment("van-1", now=NOW)
    assert (
        why_not_capturing(camera_id="van-1", deployment=deployment, upstream=None, now=NOW) is None
    )


def test_a_deployment_is_not_believed_beyond_its_cameras_window_or_state() -> None:
    deployment = live_deployment("van-1", now=NOW)
    closed = deployment.closes_at

    other = why_not_capturing(camera_id="van-2", deployment=deployment, upstream=None, now=NOW)
    over = why_not_capturing(camera_id="van-1", deployment=deployment, upstream=None, now=closed)

    assert other is not None
    assert other.detail == "camera van-2 is not among the cameras of deployment op-1"
    assert over is not None
    assert over.reason is DropReason.NO_AUTHORITY
    assert "closed at" in over.detail
    assert deployment.state is DeploymentState.LIVE


def test_what_comes_after_capture_shuts_the_gate_under_its_own_reason() -> None:
    shut = why_not_capturing(
        camera_id="van-1",
        deployment=live_deployment("van-1", now=NOW),
        upstream="keeper has not reported: start it",
        now=NOW,
    )
    assert shut is not None
    assert (shut.reason, shut.detail) == (DropReason.UPSTREAM, "keeper has not reported: start it")


def _view(
    camera_id: str = "van-1",
    *,
    up: bool = True,
    over: bool = False,
    failure: str | None = None,
    shut: str | None = None,
) -> CameraView:
    return CameraView(camera_id=camera_id, up=up, over=over, failure=failure, shut=shut)


@pytest.mark.parametrize(
    ("cameras", "keyring", "unacknowledged", "state", "reason"),
    [
        ([], None, 0, ServiceState.NOT_RUNNING, "every recording is over"),
        ([_view()], None, 0, ServiceState.LIVE, ""),
        ([_view(up=False)], None, 0, ServiceState.NOT_RUNNING, "van-1: no image yet"),
        (
            [_view(up=False, over=True, failure="no video"), _view("van-2", up=False, over=True)],
            None,
            0,
            ServiceState.NOT_RUNNING,
            "every recording is over; van-1: no video",
        ),
        (
            [_view(shut="op-1 is over"), _view("van-2", shut="op-1 is over")],
            "no answer",
            0,
            ServiceState.NOT_RUNNING,
            "op-1 is over",
        ),
        ([_view()], "no answer", 0, ServiceState.NOT_RUNNING, "no keys: no answer"),
        (
            [_view(), _view("van-2", up=False, failure="no answer in 5.0 s")],
            None,
            0,
            ServiceState.DEGRADED,
            "van-2: no answer in 5.0 s",
        ),
        (
            [_view(), _view("van-2", shut="not covered")],
            None,
            0,
            ServiceState.DEGRADED,
            "not covered",
        ),
        ([_view()], None, 8, ServiceState.DEGRADED, "8 frames wait for the broker"),
    ],
)
def test_the_state_is_the_worst_that_concerns_every_camera(
    cameras: list[CameraView],
    keyring: str | None,
    unacknowledged: int,
    state: ServiceState,
    reason: str,
) -> None:
    assert judge(cameras, keyring=keyring, unacknowledged=unacknowledged) == (state, reason)


def test_a_share_of_images_that_is_not_sealed_is_told_to_the_operator() -> None:
    camera = CameraView(camera_id="van-1", up=True, over=False)
    told = "running degraded: 62 % of frames"
    assert judge([camera], degraded=told) == (ServiceState.DEGRADED, told)
