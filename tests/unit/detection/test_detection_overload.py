"""What is looked at, and what is shed, when more comes in than can be looked at."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from lookout.events import Frame, Sealed
from lookout.stream.ports import Partition, Position
from lookout.stream.processor import Delivery
from lookout_detection.admission import Admission, Admitted, Camera
from lookout_detection.domain import Skip
from unit.detection.scenes import NOW, PACK, FixedAuthority, deployment

CAMERAS = tuple(f"cam-{number}" for number in range(6))


def ms(count: float) -> timedelta:
    return timedelta(milliseconds=count)


def admission(*, frame_takes: timedelta | None) -> Admission:
    """One that lets nothing wait beyond 300 ms and has turns of 100 ms; it has seen what a frame takes."""
    made = Admission(
        authority=FixedAuthority([deployment(cameras=CAMERAS)]),
        pack_sha256=PACK,
        freshness=ms(2000),
        shed_after=ms(300),
        turn=ms(100),
    )
    if frame_takes is not None:
        made.worked(10, 10 * frame_takes)
    return made


def frame(camera: str, captured_at: datetime) -> Delivery[Frame]:
    name = f"{camera}@{captured_at.isoformat()}"
    event = Frame(
        deployment_id="market",
        frame_id=name,
        camera_id=camera,
        sequence=0,
        captured_at=captured_at,
        width=1280,
        height=720,
        image=Sealed(key_id=name, nonce=b"", ciphertext=b""),
    )
    return Delivery(event, Position(Partition("frames", 0), 0))


def frames(cameras: Sequence[str], *ages_ms: float) -> list[Delivery[Frame]]:
    return [frame(camera, NOW - ms(age)) for age in ages_ms for camera in cameras]


def admit(
    to: Admission,
    batch: Sequence[Delivery[Frame]],
    *,
    looked_at: Mapping[str, datetime] | None = None,
    begun: Collection[str] = (),
    now: datetime = NOW,
) -> tuple[list[Admitted], Counter[Skip]]:
    skipped: Counter[Skip] = Counter()

    def last(camera: Camera) -> datetime | None:
        return (looked_at or {}).get(camera[1])

    kept = to.admit(
        batch,
        now,
        looked_at=last,
        is_begun=lambda item: item.delivery.event.camera_id in begun,
        skip=lambda _frame, why: skipped.update([why]),
    )
    return kept, skipped


def cameras_of(kept: Sequence[Admitted]) -> list[str]:
    return [item.delivery.event.camera_id for item in kept]


def test_while_nothing_lags_everything_is_looked_at() -> None:
    kept, skipped = admit(admission(frame_takes=ms(25)), frames(CAMERAS, 150, 50))
    assert len(kept) == 12
    assert not skipped


def test_while_cameras_lag_a_turn_takes_its_time_and_no_longer() -> None:
    kept, skipped = admit(admission(frame_takes=ms(25)), frames(CAMERAS, 400, 300, 200, 100))
    assert len(kept) == 4
    assert {item.delivery.event.captured_at for item in kept} == {NOW - ms(100)}
    assert skipped == {Skip.SHED: 20}


def test_what_would_take_too_long_counts_as_lagging_before_it_is_late() -> None:
    kept, skipped = admit(admission(frame_takes=ms(25)), frames(CAMERAS, 200, 100, 0))
    assert len(kept) == 4
    assert skipped[Skip.SHED] == 14


def test_before_anything_is_known_of_the_pace_only_lateness_counts() -> None:
    assert len(admit(admission(frame_takes=None), frames(CAMERAS, 200, 100, 0))[0]) == 18
    assert len(admit(admission(frame_takes=None), frames(CAMERAS, 400, 0))[0]) == len(CAMERAS)


def test_one_frame_is_looked_at_however_long_it_takes() -> None:
    kept, _ = admit(admission(frame_takes=ms(900)), frames(CAMERAS, 400, 0))
    assert len(kept) == 1


def test_the_longest_neglected_cameras_come_first_and_one_never_seen_before_all() -> None:
    seen = {camera: NOW - ms(100 * number) for number, camera in enumerate(CAMERAS[:5])}
    kept, _ = admit(admission(frame_takes=ms(50)), frames(CAMERAS, 400, 0), looked_at=seen)
    assert cameras_of(kept) == ["cam-4", "cam-5"]


def test_what_an_alert_may_wait_for_goes_before_what_it_does_not_but_for_the_most_neglected() -> (
    None
):
    seen = {camera: NOW - ms(600 - 100 * number) for number, camera in enumerate(CAMERAS)}
    late = frames(CAMERAS, 400, 0)
    kept, _ = admit(admission(frame_takes=ms(33)), late, looked_at=seen, begun=("cam-3", "cam-5"))
    assert cameras_of(kept) == ["cam-0", "cam-3", "cam-5"]
    kept, _ = admit(admission(frame_takes=ms(33)), late, looked_at=seen, begun=("cam-4",))
    assert cameras_of(kept) == ["cam-0", "cam-1", "cam-4"]


def test_however_many_wait_for_a_confirmation_every_camera_has_its_turn() -> None:
    ours, looked_at, counts = admission(frame_takes=ms(50)), dict[str, datetime](), Counter[str]()
    for turn in range(60):
        now = NOW + ms(100 * turn)
        batch = [frame(camera, now - ms(age)) for age in (350, 50) for camera in CAMERAS]
        kept, _ = admit(ours, batch, looked_at=looked_at, now=now, begun=CAMERAS[:2])
        for item in kept:
            event = item.delivery.event
            looked_at[event.camera_id] = event.captured_at
            counts[event.camera_id] += 1
    assert min(counts.values()) >= 10
    assert counts["cam-0"] > counts["cam-4"]


def test_every_camera_has_its_share_over_the_turns() -> None:
    ours, looked_at, counts = admission(frame_takes=ms(50)), dict[str, datetime](), Counter[str]()
    for turn in range(30):
        now = NOW + ms(100 * turn)
        batch = [frame(camera, now - ms(age)) for age in (350, 50) for camera in CAMERAS]
        for item in admit(ours, batch, looked_at=looked_at, now=now)[0]:
            event = item.delivery.event
            looked_at[event.camera_id] = event.captured_at
            counts[event.camera_id] += 1
    assert set(counts.values()) == {10}


def test_a_camera_in_time_is_not_made_to_pay_for_one_that_lags() -> None:
    late = frames(["cam-0"], 900, 800, 700)
    timely = frames(["cam-1"], 100, 0)
    kept, skipped = admit(admission(frame_takes=ms(25)), [*late, *timely])
    assert cameras_of(kept) == ["cam-0", "cam-1", "cam-1"]
    assert skipped == {Skip.SHED: 2}


def test_a_jump_of_the_clock_says_nothing_of_the_pace() -> None:
    ours = admission(frame_takes=ms(25))
    ours.worked(1, timedelta(hours=1))
    ours.worked(1, timedelta(hours=-1))
    ours.worked(0, ms(50))
    assert len(admit(ours, frames(CAMERAS, 400, 0))[0]) == 4


def test_the_pace_follows_what_frames_take() -> None:
    ours = admission(frame_takes=ms(25))
    for _ in range(20):
        ours.worked(1, ms(50))
    assert len(admit(ours, frames(CAMERAS, 400, 0))[0]) == 2
