"""The vision tests' model files and faces serve here too."""

from unit.vision.conftest import faces_fixture, mirror_fixture, mobile_fixture

__all__ = ["faces_fixture", "mirror_fixture", "mobile_fixture"]
