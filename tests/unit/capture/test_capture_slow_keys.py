"""A keyring that takes its time must not get sealed what was good when the asking began."""

from dataclasses import replace
from datetime import timedelta

import pytest
from unit.capture.capture_fakes import eventually, raw_frame, utc_now
from unit.capture.capture_stage import Stage, recording, running


def _upstream_is_gone(stage: Stage) -> None:
    stage.upstream = "keeper is not running: the keyring does not answer"


def test_an_image_that_got_old_while_its_key_was_made_is_not_sealed() -> None:
    # Two seconds are allowed: of those, a moment is left when its key is asked for.
    left = timedelta(milliseconds=300)
    old = replace(raw_frame(), captured_at=utc_now() - timedelta(seconds=2) + left)
    stage = recording(old)
    stage.issuer.before_make = lambda: eventually(
        lambda: utc_now() - old.captured_at > timedelta(seconds=2), "the image too old"
    )

    with running(stage):
        eventually(stage.capture.finished.is_set, "finished")

    assert stage.issuer.batches == [("op-1", 1)]
    assert stage.outbox.frames == []
    assert stage.dropped("stale") == 1


@pytest.mark.parametrize("goes", [True, False])
def test_what_comes_after_capture_is_asked_again_once_a_key_is_made(*, goes: bool) -> None:
    stage = recording(raw_frame())
    stage.issuer.before_make = lambda: _upstream_is_gone(stage) if goes else None

    with running(stage):
        eventually(stage.capture.finished.is_set, "finished")

    assert len(stage.outbox.frames) == (0 if goes else 1)
    assert stage.dropped("upstream") == (1 if goes else 0)
