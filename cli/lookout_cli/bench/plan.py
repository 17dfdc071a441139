"""The scenarios of a benchmark, as data: ``benchmarks/quick.yaml`` and ``benchmarks/full.yaml``, or one's own."""

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError


class PlanError(Exception):
    """The file of scenarios cannot be used. Says what is wrong with it."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PipelinePlan(_Strict):
    """Loads, as numbers of cameras, and how many seconds each is measured for."""

    cameras: tuple[int, ...] = Field(min_length=1)
    seconds: float = Field(gt=0)


class CasePlan(_Strict):
    """One size of watchlist: enrolled people, numbers a template, faces searched."""

    enrolled: int = Field(ge=10)
    dim: int = Field(ge=8)
    probes: int = Field(ge=10)


class SearchPlan(_Strict):
    """Galleries (numpy, edge, local, server) and sizes."""

    kinds: tuple[str, ...]
    cases: tuple[CasePlan, ...]


class PeersPlan(_Strict):
    """How many images each of the others looks at; 0 leaves it out."""

    naive_loop: int = Field(ge=0)
    opencv_zoo: int = Field(ge=0)
    face_recognition: int = Field(ge=0)


class GrowthPlan(_Strict):
    """Faces in a frame, at most 40; processes of detection, and partitions of the stream, each on a stack of its own.

    ``cameras`` are those of the load by which workers and partitions are compared.
    """

    faces: tuple[int, ...]
    workers: tuple[int, ...] = ()
    partitions: tuple[int, ...] = ()
    cameras: int = Field(default=6, ge=1)
    seconds: float = Field(default=15, gt=0)


class BenchPlan(_Strict):
    """All of a run."""

    pipeline: PipelinePlan
    search: SearchPlan
    peers: PeersPlan
    growth: GrowthPlan


def read_plan(path: Path) -> BenchPlan:
    """Read a file of scenarios.

    Raises:
        PlanError: it is not there, is no YAML, or names what there is not.
    """
    try:
        return BenchPlan.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise PlanError(f"{path} cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise PlanError(f"{path} is not YAML: {error}") from error
    except ValidationError as error:
        told = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()
        )
        raise PlanError(f"{path}: {told}") from error
