"""From a target FPIR and a gallery size to a score, by measured false match rates."""

from dataclasses import dataclass
from math import exp, expm1, isfinite, log, log1p
from typing import ClassVar

from pydantic import ConfigDict

from lookout.vision.errors import ManifestError, ThresholdOutOfRangeError


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationPoint:
    """One measured pair.

    Attributes:
        fmr: share of impostor pairs that score at least `score`, between 0 and 1.
        score: cosine of two unit templates, -1 to 1.
    """

    # A misspelt key in a manifest is an error.
    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    fmr: float
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PassRule:
    """When a pass, one person going by once, raises an alert.

    Attributes:
        shots: the most shots that are compared of one pass.
        agreeing: how many of them must reach the threshold for the same entry.
    """

    shots: int
    agreeing: int

    def __post_init__(self) -> None:
        if not 1 <= self.agreeing <= self.shots:
            raise ThresholdOutOfRangeError(
                f"a pass needs 1 <= agreeing <= shots, but got {self.agreeing} of {self.shots}"
            )

    @property
    def inflation(self) -> float:
        """How many times likelier a pass matches an entry falsely than one shot does, at most.

        Of k shots, k FMR match an entry in the mean; by Markov's inequality at least c do with a
        probability of k FMR / c at most, however much or little the shots of a pass depend on each other.
        """
        return self.shots / self.agreeing


ONE_SHOT = PassRule(shots=1, agreeing=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Measured false match rates of a pack, from lax to strict.

    Attributes:
        points: at least two; falling FMR, rising score. The first is the validated floor.
        extrapolate_to: the smallest FMR for which a score is still given; below the last point
            the line through the last two (in log FMR) is followed. Impostor scores fall off
            faster than that line, so it errs to the strict side.
        measured_on: the images used, in words.
        images: how many images.
        identities: how many people.
        pairs: impostor pairs compared.
        date: day of the measurement, ISO 8601.
    """

    # A misspelt key in a manifest is an error.
    __pydantic_config__: ClassVar[ConfigDict] = {"extra": "forbid"}

    points: tuple[CalibrationPoint, ...]
    extrapolate_to: float
    measured_on: str
    images: int
    identities: int
    pairs: int
    date: str

    def __post_init__(self) -> None:
        if len(self.points) < 2:
            raise ManifestError(f"calibration needs two points or more, but got {len(self.points)}")
        steps = zip(self.points, self.points[1:], strict=False)
        if not all(a.fmr > b.fmr > 0 and a.score < b.score for a, b in steps):
            raise ManifestError("calibration points must have falling FMR above 0 and rising score")
        if not 0 < self.extrapolate_to <= self.points[-1].fmr:
            raise ManifestError(
                f"extrapolate_to must be above 0 and at most the last measured FMR"
                f" ({self.points[-1].fmr:g}), but got {self.extrapolate_to:g}"
            )

    @property
    def floor(self) -> float:
        """The lowest score that the measurement covers."""
        return self.points[0].score

    def threshold(self, target_fpir: float, gallery_size: int, rule: PassRule = ONE_SHOT) -> float:
        """The score at which one pass raises a false alert with probability `target_fpir` at most.

        FPIR = 1 - (1 - FMR)^N for one shot and N enrolled templates, interpolated in log FMR; a pass of
        several shots gets the stricter FMR that `PassRule.inflation` asks for. A target laxer than the
        calibration covers gets the floor, which keeps it with room to spare.

        Args:
            target_fpir: share of passes of people who are not enrolled that may raise an alert.
            gallery_size: enrolled templates.
            rule: how many shots a pass has, and how many must agree.

        Raises:
            ThresholdOutOfRangeError: the target is stricter than the calibration covers.
        """
        fmr = required_fmr(target_fpir, gallery_size, rule)
        if fmr < self.extrapolate_to:
            raise ThresholdOutOfRangeError(
                f"FPIR {target_fpir:g} at {gallery_size} enrolled needs a false match rate of"
                f" {fmr:.2g}, but the pack's calibration reaches {self.extrapolate_to:.2g} only:"
                " enrol fewer people, accept a higher FPIR, demand that more shots of a pass agree,"
                " or calibrate the pack on more images"
            )
        return self._score_at(min(fmr, self.points[0].fmr))

    def is_extrapolated(
        self, target_fpir: float, gallery_size: int, rule: PassRule = ONE_SHOT
    ) -> bool:
        """Whether `threshold` would go beyond the smallest measured false match rate."""
        return required_fmr(target_fpir, gallery_size, rule) < self.points[-1].fmr

    def require_validated(self, score: float) -> None:
        """Refuse a threshold set by hand that lies below the validated floor, or is no number."""
        if not isfinite(score) or score < self.floor:
            raise ThresholdOutOfRangeError(
                f"threshold {score:g} is below the validated floor {self.floor:g} of this pack"
                f" (false match rate {self.points[0].fmr:g}): choose a higher one"
            )

    def expected_fpir(self, score: float, gallery_size: int, rule: PassRule = ONE_SHOT) -> float:
        """The FPIR to expect at `score` with N enrolled templates; for several shots, the most it can be.

        Raises:
            ThresholdOutOfRangeError: the score lies below the validated floor.
        """
        self.require_validated(score)
        pairs = list(zip(self.points, self.points[1:], strict=False))
        lower, upper = next((pair for pair in pairs if score <= pair[1].score), pairs[-1])
        share = (score - lower.score) / (upper.score - lower.score)
        fmr = exp(log(lower.fmr) + share * (log(upper.fmr) - log(lower.fmr)))
        return -expm1(gallery_size * log1p(-min(1.0 - 1e-12, fmr * rule.inflation)))

    def _score_at(self, fmr: float) -> float:
        pairs = list(zip(self.points, self.points[1:], strict=False))
        lower, upper = next((pair for pair in pairs if fmr >= pair[1].fmr), pairs[-1])
        share = (log(fmr) - log(lower.fmr)) / (log(upper.fmr) - log(lower.fmr))
        return min(1.0, lower.score + share * (upper.score - lower.score))


def required_fmr(target_fpir: float, gallery_size: int, rule: PassRule = ONE_SHOT) -> float:
    """The false match rate of one comparison that keeps the FPIR of a pass at the target.

    Raises:
        ThresholdOutOfRangeError: the target is not between 0 and 1, or the gallery is empty.
    """
    if not 0 < target_fpir < 1:
        raise ThresholdOutOfRangeError(
            f"target FPIR must lie between 0 and 1, but got {target_fpir:g}"
        )
    if gallery_size < 1:
        raise ThresholdOutOfRangeError(
            f"a threshold needs at least one enrolled template, but got {gallery_size}"
        )
    return -expm1(log1p(-target_fpir) / gallery_size) / rule.inflation
