"""The part of ``lookout doctor`` that looks at a camera."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Literal

import typer
from lookout_capture.adapters.hardware import HardwareDecodingError
from lookout_capture.adapters.sources import Sources
from lookout_capture.domain import CameraSpec, CameraSpecError
from lookout_capture.probe import CameraReport, probe
from lookout_capture.readings import StreamDescription
from rich.markup import escape
from rich.table import Table

from lookout_cli.console import err, out

_CAMERA_ID = "looked-at"
_OPEN_S, _READ_S = 10.0, 5.0
_LEAST_FPS = 5.0
_LEAST_HEIGHT = 720
_MOST_LATE_S = 1.0

CameraOption = Annotated[
    str | None,
    typer.Option(
        "--camera",
        metavar="SOURCE|-",
        help="Look at a camera instead: rtsp://…, http://…, a file, folder:PATH or a webcam's number. "
        "- asks for it (or reads a line from stdin), so that a password is not seen in the list of processes.",
    ),
]
SecondsOption = Annotated[
    float, typer.Option(min=0.5, max=600, help="How long to watch the camera.")
]
Transport = Literal["tcp", "udp", "http", "https"]
TransportOption = Annotated[Transport, typer.Option(help="How RTSP carries its data.")]
HardwareOption = Annotated[
    str, typer.Option(help="Decode by a device: off, auto, or a kind by name (cuda, vaapi, …).")
]


def check_camera(source: str, *, seconds: float, transport: Transport, hardware: str) -> bool:
    """Look at a camera and tell what it gives; whether it works. Credentials are never printed."""
    if source == "-":
        source = (
            typer.prompt("camera (not shown)", hide_input=True, err=True)
            if sys.stdin.isatty()
            else sys.stdin.readline()
        ).strip()
    elif "@" in source:
        err.print(
            "[yellow]note:[/] whoever may list this machine's processes sees a password in a command line: "
            "`--camera -` asks for it instead"
        )
    try:
        camera = CameraSpec(_CAMERA_ID, source)
        sources = Sources(
            clock=_now,
            open_timeout_s=_OPEN_S,
            read_timeout_s=_READ_S,
            rtsp_transport=transport,
            hardware_decoding=hardware,
        )
    except (CameraSpecError, HardwareDecodingError) as error:
        err.print(f"[bold red]error:[/] {escape(str(error))}")
        return False
    report = probe(camera, sources, clock=_now, seconds=seconds, patience_s=_OPEN_S + _READ_S)
    table = Table("", "what", "found", "what to do")
    for what, found, advice in rows(report):
        mark = "[green]ok[/]" if not advice else "[yellow]![/]" if report.works else "[red]no[/]"
        table.add_row(mark, what, escape(found), escape(advice))
    out.print(table)
    return report.works


def rows(report: CameraReport) -> Iterator[tuple[str, str, str]]:
    """What was found, line by line: what, found, and what to do about it (empty when it is well)."""
    if report.failure is not None:
        kind, detail = report.failure
        yield "camera", f"{report.source}: {kind}: {detail}", report.advice or "try it again"
    else:
        yield "camera", f"{report.source}: {report.images} images", ""
    if report.stream is not None:
        yield from _of_stream(report.stream)
    yield from _of_time(report)
    for detail, count in report.unreadable.most_common(3):
        yield "unreadable", f"{count} images: {detail}", "if it says damaged: over UDP try tcp"
    for irregular, count in report.irregularities.items():
        yield "irregular", f"{irregular} x {count}", "it is read on; look for a newer firmware"


def _of_stream(stream: StreamDescription) -> Iterator[tuple[str, str, str]]:
    yield "stream", f"{stream.codec} {stream.pixel_format}, {stream.transport}", ""
    low = stream.height < _LEAST_HEIGHT
    yield (
        "size",
        f"{stream.width} x {stream.height}",
        "faces far away will be too small: set the camera to 720 lines or more" if low else "",
    )
    yield "decoder", stream.decoder, ""


def _of_time(report: CameraReport) -> Iterator[tuple[str, str, str]]:
    if report.first_image_s is not None:
        yield "first image", f"after {report.first_image_s:.1f} s", ""
    if report.fps is not None:
        yield (
            "rate",
            f"{report.fps:.1f} images a second",
            "people who pass quickly are missed: set the camera to 10 a second or more"
            if report.fps < _LEAST_FPS
            else "",
        )
        late = report.late_s > _MOST_LATE_S
        yield (
            "delay",
            f"the slowest image came {report.late_s * 1000:.0f} ms later than the quickest",
            "the network stutters, or the camera is overloaded" if late else "",
        )
    if report.stated_age_s is not None:
        off = not 0.0 <= report.stated_age_s <= _MOST_LATE_S
        yield (
            "latency",
            f"{report.stated_age_s * 1000:.0f} ms by the camera's clock",
            "the camera's clock or this one is wrong, or it takes that long: set NTP on both"
            if off
            else "",
        )


def _now() -> datetime:
    return datetime.now(UTC)
