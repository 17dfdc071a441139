"""Templates of people who do not exist: each person a direction, each picture that direction and some noise."""

from collections import Counter
from pathlib import Path

import numpy as np
from lookout_cli.evaluate.faces import Templates
from lookout_cli.evaluate.samples import Sample

_DIM = 64


def drawn_templates(*, people: int, each: int, noise: float) -> tuple[list[Sample], Templates]:
    """Samples and their templates; noise 0 makes a person's pictures equal, 100 drowns the person."""
    rng = np.random.default_rng(11)
    directions = rng.standard_normal((people, _DIM))
    vectors = np.repeat(directions, each, axis=0)
    vectors = vectors + noise * rng.standard_normal(vectors.shape)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    samples = [
        Sample(image=Path(f"{person}-{number}.jpg"), person=f"person-{person:04d}")
        for person in range(people)
        for number in range(each)
    ]
    return samples, Templates(
        vectors=vectors.astype(np.float32),
        acquired=np.ones(len(samples), np.bool_),
        quality=rng.uniform(0, 1, len(samples)).astype(np.float32),
        failures=Counter(),
        ms_per_face=5.0,
    )
