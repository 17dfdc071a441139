"""The report as plain text, for a terminal without anything installed."""

from collections.abc import Iterator

from lookout_verifier.promises import Report, Verdict

_MARK = {Verdict.KEPT: "kept   ", Verdict.BROKEN: "BROKEN ", Verdict.SKIPPED: "skipped"}


def as_text(report: Report) -> str:
    """One sentence a promise, details of broken ones, and the verdict."""
    return "\n".join(_lines(report)) + "\n"


def verdict_of(report: Report) -> str:
    """The whole in a sentence."""
    if report.broken:
        others = len(report.broken) - 1
        return f"BROKEN: {report.broken[0]}" + (f", and {others} more" if others else "")
    left = sum(one.verdict is Verdict.SKIPPED for one in report.findings)
    kept = len(report.findings) - left
    return f"{kept} promises kept" + (f", {left} not looked at (see why above)" if left else "")


def _lines(report: Report) -> Iterator[str]:
    width = max(len(one.promise) for one in report.findings)
    for one in report.findings:
        yield f"{_MARK[one.verdict]}  {one.promise:<{width}}  {one.sentence}"
        for detail in one.details:
            yield f"{'':9}{'':<{width}}  - {detail}"
    yield verdict_of(report)
