"""What a picture must reach to be enrolled: one bad picture makes false alerts all day."""

from dataclasses import dataclass

from lookout.vision.quality import ShotQuality


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentLimits:
    """Limits on an enrolled picture, stricter than on a probe; units as in `lookout.vision.quality.ShotQuality`.

    Below ``min_inter_eye_px`` it is refused, below ``good_inter_eye_px`` warned of; likewise with ``max_`` and
    ``good_yaw`` for heads turned aside.
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


def refusal(quality: ShotQuality, limits: EnrolmentLimits) -> str:
    """Why a picture is refused, with what would help; empty when it is not."""
    checks = (
        (quality.visible < limits.min_visible, "the face is cut off by the edge of the picture"),
        (
            quality.inter_eye_px < limits.min_inter_eye_px,
            (
                f"the face is too small: {quality.inter_eye_px:.0f} pixels between the eyes, at least "
                f"{limits.min_inter_eye_px:.0f} are needed"
            ),
        ),
        (quality.brightness < limits.min_brightness, "the face is too dark"),
        (quality.brightness > limits.max_brightness, "the face is too bright"),
        (
            abs(quality.yaw) > limits.max_yaw
            or abs(quality.pitch) > limits.max_pitch
            or abs(quality.roll) > limits.max_roll,
            "the head is turned or tilted too far: use a frontal picture",
        ),
        (
            quality.sharpness < limits.min_sharpness,
            "the face is blurred: use a sharper picture",
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
        (abs(quality.yaw) > limits.good_yaw, "the head is turned to the side"),
    )
    return [reason for missed, reason in checks if missed]
