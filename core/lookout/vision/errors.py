"""What goes wrong with a model pack; every text says what was wanted, what came, what to do."""


class PackError(Exception):
    """A model pack cannot be used."""


class ManifestError(PackError):
    """The manifest is missing, unreadable or states something impossible."""


class ModelFileMissingError(PackError):
    """A model file is not in the models folder."""


class ModelFileCorruptError(PackError):
    """A model file has another size or SHA-256 than its manifest names."""


class ModelLoadError(PackError):
    """The inference runtime refused the model file."""


class ModelShapeError(PackError):
    """A model answers with other outputs than its contract states."""


class LicenceNotAcknowledgedError(PackError):
    """A model's licence is not permissive, and nobody has accepted it."""


class ThresholdOutOfRangeError(PackError):
    """A threshold was asked for outside what the pack's calibration covers."""
