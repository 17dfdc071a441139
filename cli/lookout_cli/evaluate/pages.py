"""An evaluation as a page with plots, for people who would rather look than read."""

import base64
import html
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from lookout_cli.evaluate.evaluation import Evaluation
from lookout_cli.evaluate.intervals import Interval

_COLOURS = ("#0b5fa5", "#c2410c", "#15803d", "#7c3aed")
_INK = "#1f2937"
_SIZE_IN = (6.4, 4.4)
_DPI = 144
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1f2937; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; } th, td { padding: .35rem .8rem; border-bottom: 1px solid #d1d5db; text-align: right; }
th:first-child, td:first-child { text-align: left; } img { max-width: 100%; height: auto; } .note { color: #4b5563; }
"""

Plots = dict[str, bytes]


def write_report(folder: Path, evaluations: Sequence[Evaluation]) -> Path:
    """Write ``index.html`` and a PNG a plot into a folder; the page's path. No face and no template is in it."""
    folder.mkdir(parents=True, exist_ok=True)
    plots = draw_plots(evaluations)
    for name, png in plots.items():
        (folder / f"{name}.png").write_bytes(png)
    page = folder / "index.html"
    page.write_text(_page(evaluations, plots), encoding="utf-8")
    return page


def draw_plots(evaluations: Sequence[Evaluation]) -> Plots:
    """PNG by name: ``det``, ``scores``, ``discard``."""
    return {
        "det": _png(lambda axes: _det(axes, evaluations)),
        "scores": _png(lambda axes: _scores(axes, evaluations[0])),
        "discard": _png(lambda axes: _discard(axes, evaluations)),
    }


def _png(draw: Callable[[Axes], None]) -> bytes:
    figure = Figure(figsize=_SIZE_IN, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.set_axisbelow(True)
    axes.grid(visible=True, which="major", color="#e5e7eb", linewidth=0.8)
    axes.tick_params(colors=_INK, which="both")
    draw(axes)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    return buffer.getvalue()


def _det(axes: Axes, evaluations: Sequence[Evaluation]) -> None:
    for evaluation, colour in zip(evaluations, _COLOURS, strict=False):
        points = np.array(
            [(fpir, fnir) for fpir, fnir, _ in evaluation.det if fpir > 0 and fnir > 0]
        )
        if len(points):
            axes.plot(points[:, 0], points[:, 1], color=colour, label=evaluation.pack, linewidth=2)
        for target, interval in evaluation.tpir_at_fpir.items():
            axes.errorbar(
                target,
                1 - interval.value,
                yerr=[[interval.high - interval.value], [interval.value - interval.low]],
                color=colour,
                marker="o",
                markersize=5,
                capsize=4,
            )
    axes.set_xscale("log")
    axes.set_yscale("log")
    _percent(axes)
    axes.set_xlabel("false alerts per stranger's search (FPIR)", color=_INK)
    axes.set_ylabel("missed searches (FNIR)", color=_INK)
    axes.set_title("Who is missed, and who is wrongly alerted", loc="left", color=_INK)
    axes.legend(frameon=False)


def _scores(axes: Axes, evaluation: Evaluation) -> None:
    trials = evaluation.trials
    bins = np.linspace(0, 1, 51).tolist()
    for scores, colour, label in (
        (trials.non_mated_score, _COLOURS[1], "strangers: best score of all enrolled"),
        (trials.mated_score, _COLOURS[0], "enrolled people: score with themselves"),
    ):
        shown = scores[np.isfinite(scores)]
        weights = np.full(len(shown), 1 / max(1, len(scores)))
        axes.hist(
            shown.tolist(),
            bins=bins,
            weights=weights.tolist(),
            color=colour,
            alpha=0.55,
            label=label,
        )
    for target, threshold in evaluation.threshold_at_fpir.items():
        axes.axvline(threshold, color=_INK, linewidth=1, linestyle="--")
        axes.annotate(
            f"FPIR {100 * target:g} %",
            (threshold, 1),
            xycoords=("data", "axes fraction"),
            xytext=(4, -4),
            textcoords="offset points",
            rotation=90,
            va="top",
            fontsize=8,
            color=_INK,
        )
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
    axes.set_ylim(top=1.3 * axes.get_ylim()[1])
    axes.set_xlabel("cosine", color=_INK)
    axes.set_ylabel("share of searches", color=_INK)
    axes.set_title(f"Scores, {evaluation.pack}", loc="left", color=_INK)
    axes.legend(frameon=False, fontsize=8, loc="upper left")


def _discard(axes: Axes, evaluations: Sequence[Evaluation]) -> None:
    for evaluation, colour in zip(evaluations, _COLOURS, strict=False):
        curve = np.array(evaluation.discard).reshape(-1, 2)
        axes.plot(
            curve[:, 0], curve[:, 1], color=colour, marker="o", label=evaluation.pack, linewidth=2
        )
    axes.set_ylim(bottom=0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
    axes.set_xlabel("probes of the lowest quality left out", color=_INK)
    axes.set_ylabel("missed searches (FNIR) at FPIR 1 %", color=_INK)
    axes.set_title("Does quality tell which shots will match?", loc="left", color=_INK)
    axes.legend(frameon=False)


def _percent(axes: Axes) -> None:
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
        axis.set_minor_formatter(NullFormatter())


def _page(evaluations: Sequence[Evaluation], plots: Plots) -> str:
    rows = "".join(_row(evaluation) for evaluation in evaluations)
    images = "".join(
        f'<p><img alt="{name}" src="data:image/png;base64,{base64.b64encode(png).decode()}"></p>'
        for name, png in plots.items()
    )
    first = evaluations[0]
    notes = "".join(f'<p class="note">{html.escape(note)}</p>' for note in first.notes())
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Accuracy</title><style>{_STYLE}</style>'
        f"<h1>Open-set identification</h1><p>{first.plan.enrolled} people enrolled with {first.plan.images} picture(s) "
        f"each, {first.plan.draws} draw(s), seed {first.plan.seed}; {first.people} people, {first.pictures} pictures. "
        "Intervals: 95 %, bootstrapped over people.</p><table><tr><th>pack<th>TPIR at FPIR 1 %<th>TPIR at FPIR 0.1 %"
        f"<th>rank 1<th>ms a face<th>mated<th>non-mated<th>no template</tr>{rows}</table>{_groups(first)}{notes}{images}</html>"
    )


def _row(evaluation: Evaluation) -> str:
    cells = [
        html.escape(evaluation.pack),
        *(
            f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})"
            for one in evaluation.tpir_at_fpir.values()
        ),
        f"{evaluation.rank1:.3f}",
        "-" if evaluation.ms_per_face is None else f"{evaluation.ms_per_face:.1f}",
        f"{evaluation.mated:,}",
        f"{evaluation.non_mated:,}",
        f"{sum(evaluation.failures.values()):,}",
    ]
    return "<tr>" + "".join(f"<td>{cell}" for cell in cells) + "</tr>"


def _groups(evaluation: Evaluation) -> str:
    if not evaluation.groups:
        return ""
    rows = "".join(
        f"<tr><td>{html.escape(group.name)}<td>{group.people}<td>{_share(group.tpir)}<td>{group.strangers}"
        f"<td>{_share(group.fpir)}</tr>"
        for group in evaluation.groups
    )
    return (
        "<h2>By group, as people wrote it down</h2><table><tr><th>group<th>people<th>TPIR<th>strangers<th>FPIR</tr>"
        f"{rows}</table>"
    )


def _share(interval: Interval | None) -> str:
    if interval is None:
        return "-"
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"
