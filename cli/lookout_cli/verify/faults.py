"""The promises that can be broken on purpose."""

from enum import StrEnum


class Fault(StrEnum):
    """A broken promise."""

    SKIPPED_DESTROY = "skipped-destroy"
    FORGED_RECEIPT = "forged-receipt"
    PLAINTEXT_CHIP = "plaintext-chip"
    TEMPLATE_LEFT = "template-left"
