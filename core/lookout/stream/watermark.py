"""The low watermark of one partition: what may be committed while messages are finished with in any order."""

from collections import deque


class LowWatermark:
    """Knows what was delivered and what is staged. Offsets need not be contiguous: compaction leaves gaps."""

    def __init__(self) -> None:
        self._delivered: deque[int] = deque()
        self._unstaged: set[int] = set()
        self._next: int | None = None

    @property
    def position(self) -> int | None:
        """The offset after the last delivered one; None before the first."""
        return self._next

    @property
    def committable(self) -> int | None:
        """The offset to commit: of the first message not finished with, else the position. None if nothing came."""
        return self._delivered[0] if self._delivered else self._next

    def deliver(self, offset: int) -> None:
        """A message is handed out. An offset at or below an earlier one means that the log was rewound: start over."""
        if self._next is not None and offset < self._next:
            self._delivered.clear()
            self._unstaged.clear()
        self._delivered.append(offset)
        self._unstaged.add(offset)
        self._next = offset + 1

    def stage(self, offset: int) -> None:
        """A message is finished with. Offsets that were not delivered, or are staged already, change nothing."""
        self._unstaged.discard(offset)
        while self._delivered and self._delivered[0] not in self._unstaged:
            self._delivered.popleft()
