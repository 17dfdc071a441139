"""A benchmark as a page of tables and plots: ``docs/performance.md`` is one, written by ``lookout bench --report``."""

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lookout_cli.bench.growth import by_cameras, by_watchlist
from lookout_cli.bench.results import BenchResults
from lookout_cli.bench.stack_run import FPS, Step

_INK, _BLUE, _ORANGE, _GREEN = "#1f2937", "#0b5fa5", "#c2410c", "#15803d"
_IMAGES = "images"
_PREFIX = "performance"


def write_page(page: Path, found: BenchResults) -> Path:
    """Write the page, and its plots into ``images`` beside it; the page's path."""
    folder = page.parent / _IMAGES
    folder.mkdir(parents=True, exist_ok=True)
    for name, png in _plots(found).items():
        (folder / f"{_PREFIX}-{name}.png").write_bytes(png)
    page.write_text("\n".join(_lines(found)) + "\n", encoding="utf-8")
    return page


def _lines(found: BenchResults) -> Sequence[str]:
    return [
        "# Performance",
        "",
        "Written by `lookout bench --report docs/performance.md`. Times are this machine's; ratios are within one run and carry over",
        "better. Cameras give 1280 x 720 pixels, 10 images a second, 2.3 faces a frame on average.",
        "",
        *_machine(found.machine, found.warning),
        *_pipeline(found),
        *_latency(found),
        *_search(found),
        *_peers(found),
        *_growth(found),
        *_sizing(found),
    ]


def _machine(machine: Mapping[str, object], warning: str) -> Sequence[str]:
    packages = machine["packages"]
    versions = (
        ", ".join(f"{k} {v}" for k, v in packages.items()) if isinstance(packages, dict) else ""
    )
    return [
        (
            f"**Machine.** {machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']},"
            f" Python {machine['python']}; onnxruntime with one thread a service. {versions}."
        ),
        *([f"**Note.** {warning}."] if warning else []),
        "",
    ]


def _pipeline(found: BenchResults) -> Sequence[str]:
    pipe = found.pipeline
    step = pipe.carried
    rows = [
        f"| {name} | {1000 * cpu / step.looked_at:.2f} |"
        for name, cpu in sorted(step.cpu_s.items())
    ]
    stages = [
        f"| {name.replace('_', ' ')} | {1000 * spent / pipe.before.frames:.2f} |"
        for name, spent in pipe.before.stage_s.items()
    ]
    decoding = (
        pipe.before.cpu_ms_per_frame - 1000 * sum(pipe.before.stage_s.values()) / pipe.before.frames
    )
    parts = [f"| {name.replace('_', ' ')} | {cost:.3f} |" for name, cost in pipe.parts_ms.items()]
    return [
        "## a. The pipeline against a bare loop of the same steps",
        "",
        (
            f"One bare loop alone takes {pipe.before.cpu_ms_per_frame:.1f} ms of processor time a frame before the run and"
            f" {pipe.after.cpu_ms_per_frame:.1f} ms after it; one on every processor at once {pipe.bare_ms:.1f} ms each."
            f" The services together take {pipe.cpu_ms(step):.1f} ms at {step.cameras} cameras, the most that are"
            f" carried without shedding, which keep all processors busy: **{pipe.cpu_ratio:.2f} times** the busy loops,"
            f" {pipe.cpu_ms(step) / pipe.alone_ms:.2f} times the one alone. The broker and the keyring are apart."
        ),
        "",
        "| process | processor ms a frame |",
        "|---|---|",
        *rows,
        "",
        "| step of the bare loop | ms a frame |",
        "|---|---|",
        f"| decoding the video | {decoding:.2f} |",
        *stages,
        "",
        "What the pipeline adds, each part measured alone (processor ms a frame); the rest is Python, and caches that two busy processors share:",
        "",
        "| part | ms |",
        "|---|---|",
        *parts,
        "",
    ]


def _latency(found: BenchResults) -> Sequence[str]:
    pipe = found.pipeline
    rows = [_load_row(step, f"{step.cameras}") for step in pipe.steps]
    over = _load_row(pipe.overload, f"{pipe.overload.cameras} (3 x what is carried)")
    return [
        "## b. Latency, until it sheds and beyond",
        "",
        "Seconds, p50 / p95 / p99. *Alert*: from capture to the alert on its topic. *Forgotten*: from capture to the destruction of the",
        "key of a face that matched nobody.",
        "",
        "| cameras | frames/s | shed | alert | forgotten | frame's key |",
        "|---|---|---|---|---|---|",
        *rows,
        over,
        "",
        f"![Latency by load]({_IMAGES}/{_PREFIX}-latency.png)",
        "",
        (
            f"Over an empty street {100 * pipe.empty.looked_at / pipe.empty.offered:.0f} % of the images of {pipe.empty.cameras} cameras are"
            f" looked at; an image then takes {100 * pipe.empty_ratio:.0f} % of what one of the footage takes."
        ),
        "",
    ]


def _load_row(step: Step, name: str) -> str:
    return (
        f"| {name} | {step.frames_per_s:.1f} | {100 * step.shed:.1f} % | {step.alert_s.in_words()} |"
        f" {step.forgotten_s.in_words()} | {step.frame_s.in_words()} |"
    )


def _search(found: BenchResults) -> Sequence[str]:
    floor = {one.case: one.search_ms.p50 for one in found.search if one.kind == "numpy"}
    rows = []
    for one in found.search:
        base = floor.get(one.case)
        ratio = f"{one.search_ms.p50 / base:.2f}" if base and one.search_ms.p50 else "-"
        withdraw = "-" if one.withdraw_ms is None else f"{one.withdraw_ms:.3f}"
        rows.append(
            f"| {one.kind} | {one.case.enrolled:,} | {one.case.dim} | {one.search_ms.in_words(unit='ms')} | {ratio} |"
            f" {one.enrol_ms:.3f} | {withdraw} |"
        )
    return [
        "## c. Exact search",
        "",
        "Milliseconds a face, one at a time; the ratio is to a product of matrices over the same templates, the floor.",
        "",
        "| gallery | enrolled | numbers | p50 / p95 / p99 | to numpy | enrol a person | withdraw |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
        f"![Search by size]({_IMAGES}/{_PREFIX}-search.png)",
        "",
    ]


def _peers(found: BenchResults) -> Sequence[str]:
    ours = found.pipeline.carried.frames_per_s
    rows = [
        f"| {peer.name} | {peer.frames_per_s:.2f} | {1000 * peer.cpu_s / peer.frames:.0f} | {', '.join(peer.found) or 'nobody'} |"
        f" {ours / peer.frames_per_s:.1f} times as many |"
        for peer in found.peers
    ]
    missing = [
        f"| {name} | could not be run: {why} | | | |" for name, why in found.unavailable.items()
    ]
    return [
        "## d. Beside what others do",
        "",
        "The same footage and processors, each as its users run it: every face of every image. The pipeline's frames a second are those",
        "it carries without shedding, everything included.",
        "",
        "| loop | frames/s | processor ms a frame | who was found | the pipeline does |",
        "|---|---|---|---|---|",
        *rows,
        *missing,
        "",
    ]


def _growth(found: BenchResults) -> Sequence[str]:
    faces = found.growth_by_faces
    table = faces["rows"]
    rows = (
        [f"| {row['faces']} | {row['tracked_ms']} | {row['every_face_ms']} |" for row in table]
        if isinstance(table, list)
        else []
    )
    watch = [f"| {name} numbers | {value} |" for name, value in by_watchlist(found.search).items()]
    cameras = by_cameras(found.pipeline.steps)
    return [
        "## e. How it grows",
        "",
        "| faces in a frame | following faces, ms a frame | embedding every face, ms a frame |",
        "|---|---|---|",
        *rows,
        "",
        (
            f"Exponents (0: flat, 1: in proportion) in faces a frame: {faces['tracked_exponent']} following,"
            f" {faces['every_face_exponent']} embedding every face; in cameras: services {cameras['processor_time']}, Kafka {cameras['kafka']}."
        ),
        "",
        "| search, exponent in the number enrolled | |",
        "|---|---|",
        *watch,
        "",
        *_by_stack(found),
    ]


def _by_stack(found: BenchResults) -> Sequence[str]:
    lines: list[str] = []
    for what, of in (
        ("workers", "detection's processes"),
        ("partitions", "the stream's partitions"),
    ):
        grown = found.growth_by_stack.get(what, {})
        rows = grown.get("rows")
        if not isinstance(rows, list) or not rows:
            continue
        lines += [
            f"| {of} | frames/s | shed | services, ms a frame | Kafka, ms a frame | alert p95, s |",
            "|---|---|---|---|---|---|",
            *(
                f"| {row[what]} | {row['frames_per_s']} | {100 * row['shed']:.1f} % | {row['services_ms']} |"
                f" {row['kafka_ms']} | {row['alert_p95_s']} |"
                for row in rows
            ),
            "",
            f"Exponents in {of}: frames a second {grown['frames_exponent']}, Kafka's time a frame {grown['kafka_exponent']}.",
            "",
        ]
    return lines


def _sizing(found: BenchResults) -> Sequence[str]:
    pipe = found.pipeline
    step = pipe.carried
    total = sum(step.cpu_s.values()) / step.seconds / step.cameras
    services = step.services_cpu_s / step.seconds / step.cameras
    return [
        "## Sizing",
        "",
        f"One camera of 1280 x 720 pixels and {FPS:g} images a second takes {services:.2f} cores for the services and {total:.2f} with the",
        f"broker and the keyring: {1 / total:.1f} cameras a core at full use, {0.7 / total:.1f} at 70 %, which leaves room for a crowd.",
    ]


def _plots(found: BenchResults) -> dict[str, bytes]:
    return {
        "latency": _png(lambda axes: _plot_latency(axes, found)),
        "search": _png(lambda axes: _plot_search(axes, found)),
    }


def _png(draw: Callable[[Axes], None]) -> bytes:
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.set_axisbelow(True)
    axes.grid(visible=True, color="#e5e7eb", linewidth=0.8)
    draw(axes)
    axes.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def _plot_latency(axes: Axes, found: BenchResults) -> None:
    steps = [*found.pipeline.steps, found.pipeline.overload]
    cameras = [step.cameras for step in steps]
    for label, colour, values in (
        ("alert, p95", _BLUE, [step.alert_s.p95 for step in steps]),
        ("alert, p50", _GREEN, [step.alert_s.p50 for step in steps]),
        ("frame's key destroyed, p99", _ORANGE, [step.frame_s.p99 for step in steps]),
    ):
        shown = [(x, y) for x, y in zip(cameras, values, strict=True) if y is not None]
        axes.plot(
            [x for x, _ in shown], [y for _, y in shown], marker="o", color=colour, label=label
        )
    axes.axvline(
        found.pipeline.carried.cameras,
        color=_INK,
        linestyle="--",
        linewidth=1,
        label="sheds from here on",
    )
    axes.set_xlabel("cameras of 10 images a second", color=_INK)
    axes.set_ylabel("seconds from capture", color=_INK)
    axes.set_ylim(bottom=0)


def _plot_search(axes: Axes, found: BenchResults) -> None:
    for kind, colour in (("numpy", _INK), ("edge", _BLUE), ("local", _ORANGE), ("server", _GREEN)):
        for dim, style in zip(
            sorted({one.case.dim for one in found.search}), ("-", "--"), strict=False
        ):
            ours = [one for one in found.search if (one.kind, one.case.dim) == (kind, dim)]
            points = [(one.case.enrolled, one.search_ms.p50) for one in ours if one.search_ms.p50]
            if points:
                axes.plot(
                    [x for x, _ in points],
                    [y for _, y in points],
                    marker="o",
                    color=colour,
                    linestyle=style,
                    label=f"{kind}, {dim} numbers",
                )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("enrolled", color=_INK)
    axes.set_ylabel("ms a face, exact", color=_INK)
