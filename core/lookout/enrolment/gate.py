"""What a picture must reach to be enrolled: one bad picture makes false alerts all day."""

from dataclasses import dataclass
from datetime import date

from lookout.vision.quality import ShotQuality


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentLimits:
    """Limits on an enrolled picture, stricter than on a probe; units as in `lookout.vision.quality.ShotQuality`.

    Below ``min_inter_eye_px`` it is refused, below ``good_inter_eye_px`` warned of; likewise with ``max_`` and
    ``good_yaw`` for heads turned aside. Pictures older than ``good_age_years`` are warned of.
    """

    min_inter_eye_px: float = 60.0
    good_inter_eye_px: float = 90.0
    min_sharpness: float = 0.03
    max_yaw: float = 35.0
    good_yaw: float = 20.0
    max_pitch: float = 30.0
    max_roll: float = 35.0
    min_brightness: float = 0.15
    max_brightness: float = 0.90
    min_visible: float = 0.95
    good_age_years: float = 5.0


def refusal(quality: ShotQuality, limits: EnrolmentLimits) -> str:
    """Why a picture is refused, with what would help; empty when it is not."""
    checks = (
        (
            quality.visible < limits.min_visible,
            (
                f"the face is cut off by the edge of the picture: {100 * quality.visible:.0f} % of it is inside, at least "
                f"{100 * limits.min_visible:.0f} % are needed"
            ),
        ),
        (
            quality.inter_eye_px < limits.min_inter_eye_px,
            (
                f"the face is too small: {quality.inter_eye_px:.0f} pixels between the eyes, at least "
                f"{limits.min_inter_eye_px:.0f} are needed"
            ),
        ),
        (
            quality.brightness < limits.min_brightness,
            f"the face is too dark: brightness {quality.brightness:.2f}, at least {limits.min_brightness:.2f} is needed",
        ),
        (
            quality.brightness > limits.max_brightness,
            f"the face is too bright: brightness {quality.brightness:.2f}, at most {limits.max_brightness:.2f} is allowed",
        ),
        (
            abs(quality.yaw) > limits.max_yaw
            or abs(quality.pitch) > limits.max_pitch
            or abs(quality.roll) > limits.max_roll,
            (
                f"the head is turned or tilted too far: {quality.yaw:+.0f} degrees sideways, {quality.pitch:+.0f} up or down, "
                f"{quality.roll:+.0f} to the shoulder, at most {limits.max_yaw:.0f}, {limits.max_pitch:.0f} and "
                f"{limits.max_roll:.0f} are allowed: use a frontal picture"
            ),
        ),
        (
            quality.sharpness < limits.min_sharpness,
            (
                f"the face is blurred: sharpness {quality.sharpness:.3f}, at least {limits.min_sharpness:.3f} is needed: "
                "use a sharper picture"
            ),
        ),
    )
    return next((reason for missed, reason in checks if missed), "")


def warnings_of(quality: ShotQuality, limits: EnrolmentLimits) -> list[str]:
    """What is less than good about a picture that is not refused."""
    checks = (
        (
            quality.inter_eye_px < limits.good_inter_eye_px,
            (
                f"the face is small: {quality.inter_eye_px:.0f} pixels between the eyes, "
                f"{limits.good_inter_eye_px:.0f} would be good"
            ),
        ),
        (
            abs(quality.yaw) > limits.good_yaw,
            f"the head is turned to the side by {abs(quality.yaw):.0f} degrees, {limits.good_yaw:.0f} would be good",
        ),
    )
    return [reason for missed, reason in checks if missed]


def date_refusal(taken: date | None, today: date) -> str:
    """Why a picture's date cannot be right; empty when it can, or when there is none."""
    if taken is not None and taken > today:
        return f"the picture is dated {taken.isoformat()}, which is in the future: correct the date"
    return ""


def age_warning(taken: date | None, today: date, limits: EnrolmentLimits) -> str:
    """What is to be said of an old picture; faces change, and an old one finds fewer. Empty when it is recent or undated."""
    if taken is None:
        return ""
    years = (today - taken).days / 365.25
    if years <= limits.good_age_years:
        return ""
    return (
        f"the picture is {years:.0f} years old ({taken.isoformat()}), at most {limits.good_age_years:g} would be good: "
        "is there a more recent one?"
    )
