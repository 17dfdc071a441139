"""Who an entry stands for."""

from dataclasses import dataclass

from lookout.events import Category, Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who an entry stands for. ``image_jpeg`` is a head-and-shoulders picture for human eyes."""

    reference: str
    name: str
    category: Category
    response: Response
    reason: str
    image_jpeg: bytes

    def __repr__(self) -> str:
        """Name nobody: a person must not reach a log by way of a traceback."""
        return f"Person({self.category}, {self.response})"
