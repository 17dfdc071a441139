"""Hardware decoding: found, refused by name when it is not to be had, and told as it is."""

from pathlib import Path

import av
import numpy as np
import pytest
from av.codec.hwaccel import hwdevices_available
from lookout_capture.adapters import hardware
from lookout_capture.adapters.hardware import HardwareDecodingError, choose_device, decoder_of
from lookout_capture.adapters.sources import Sources
from lookout_capture.domain import CameraSpec, Pacing
from lookout_capture.ports import SourceError
from lookout_capture.readings import RawFrame, StreamDescription
from unit.capture.capture_fakes import utc_now


def _h264(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_a_kind_that_the_build_does_not_know_is_refused_with_those_it_does() -> None:
    with pytest.raises(HardwareDecodingError, match="abacus") as refused:
        choose_device("abacus")
    for kind in hwdevices_available():
        assert kind in str(refused.value)
    assert "LOOKOUT_CAPTURE_HARDWARE_DECODING" in str(refused.value)


def test_a_known_kind_without_its_device_is_refused_by_name_and_done_without_by_auto() -> None:
    absent = [kind for kind in hwdevices_available() if hardware._why_not(kind) is not None]
    if not absent:
        pytest.skip("every kind of device that this build knows is here")
    with pytest.raises(HardwareDecodingError, match="auto or off"):
        choose_device(absent[0])
    assert choose_device("auto") not in absent


def test_a_service_asked_for_hardware_by_name_does_not_begin_without() -> None:
    with pytest.raises(HardwareDecodingError):
        Sources(clock=utc_now, hardware_decoding="abacus")


@pytest.mark.parametrize("setting", ["off", "auto"])
def test_a_video_is_read_whatever_the_machine_has_and_the_decoder_is_told(
    setting: str, tmp_path: Path
) -> None:
    sources = Sources(clock=utc_now, pacing=Pacing.AS_TAKEN, hardware_decoding=setting)
    path = _h264(tmp_path / "a.mp4")
    items = list(sources(CameraSpec("van-1", str(path))).frames(lambda _: False))
    assert len([item for item in items if isinstance(item, RawFrame)]) == 5
    (described,) = [item for item in items if isinstance(item, StreamDescription)]
    assert described.codec == "h264"
    assert described.decoder == (choose_device(setting) or "software")


def test_a_fall_back_to_software_is_not_told_as_hardware() -> None:
    assert decoder_of("nv12", "cuda") == "cuda"
    assert decoder_of("yuv420p", "cuda") == "software"
    assert decoder_of("nv12", None) == "software"


def test_a_stream_that_the_device_asked_for_by_name_cannot_decode_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # No device is needed: no device of any kind decodes raw video, and that is found before one is opened.
    monkeypatch.setattr(hardware, "_why_not", lambda _: None)
    kind = hwdevices_available()[0]
    path = tmp_path / "raw.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="bgr24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    source = Sources(clock=utc_now, hardware_decoding=kind)(CameraSpec("van-1", str(path)))
    with pytest.raises(SourceError, match="cannot decode what it sends") as refused:
        list(source.frames(lambda _: False))
    assert refused.value.kind == "no_hardware"
