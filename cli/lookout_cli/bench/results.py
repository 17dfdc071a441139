"""All that a benchmark measured, and the one object that is printed of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lookout_cli.bench.growth import by_cameras, by_watchlist
from lookout_cli.bench.peers import PeerResult
from lookout_cli.bench.pipeline import PipelineResult
from lookout_cli.bench.search import SearchResult

_TWO_CAMERAS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchResults:
    """One run. ``unavailable`` says of peers that could not be run why."""

    machine: Mapping[str, object]
    warning: str
    pipeline: PipelineResult
    search: Sequence[SearchResult]
    peers: Sequence[PeerResult]
    unavailable: Mapping[str, str]
    growth_by_faces: Mapping[str, object]
    growth_by_stack: Mapping[str, Mapping[str, object]]
    seconds: float

    def as_json(self) -> dict[str, object]:
        """One object: headline figures by name, then everything they come from."""
        return {
            "machine": self.machine,
            "warning": self.warning,
            "seconds": round(self.seconds, 1),
            "pipeline": self.pipeline.as_json(),
            "latency": self._latency(),
            "search": self._search(),
            "peers": self._peers(),
            "growth": {
                "faces": self.growth_by_faces,
                "watchlist": by_watchlist(self.search),
                "cameras": by_cameras(self.pipeline.steps),
                **self.growth_by_stack,
            },
        }

    def _latency(self) -> dict[str, object]:
        usual = self.pipeline.latency_at(_TWO_CAMERAS)
        over = self.pipeline.overload
        return {
            "alert_p95_s": usual.alert_s.p95,
            "overload_p95_s": over.alert_s.p95,
            "destruction_p99_s": usual.forgotten_s.p99,
            "steps": [step.as_json() for step in self.pipeline.steps],
            "overload": over.as_json(),
        }

    def _search(self) -> dict[str, object]:
        """By number enrolled: the default gallery with the pack's length of template, then every row."""
        shortest = min((one.case.dim for one in self.search), default=0)
        floor = {one.case: one for one in self.search if one.kind == "numpy"}
        found: dict[str, object] = {}
        for one in self.search:
            if one.kind == "edge" and one.case.dim == shortest:
                base = floor.get(one.case)
                ratio = (
                    round(one.search_ms.p50 / base.search_ms.p50, 2)
                    if base and base.search_ms.p50 and one.search_ms.p50
                    else None
                )
                found[str(one.case.enrolled)] = {**one.as_json(), "ratio_to_numpy": ratio}
        found["rows"] = [one.as_json() for one in self.search]
        return found

    def _peers(self) -> dict[str, object]:
        """``ratio``: frames a second that the pipeline carries without shedding, over the peer's."""
        ours = self.pipeline.carried.frames_per_s
        found: dict[str, object] = {
            peer.name: {**peer.as_json(), "ratio": round(ours / peer.frames_per_s, 2)}
            for peer in self.peers
        }
        return found | {name: {"unavailable": why} for name, why in self.unavailable.items()}
