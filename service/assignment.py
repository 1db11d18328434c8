"""Who is whom in one photograph, where nobody can be there twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment

_NEVER: Final = -1e6
_AT_ALL: Final = 1e-9  # so that somebody who is just at the threshold is preferred to nobody


def assigned(near: Sequence[Mapping[str, float]], threshold: float) -> list[str | None]:
    """The person of each face, or None; each person once at most.

    `near` are the similarities of each face's candidates, by person; those below the threshold do
    not count. A pair is worth what it is above the threshold, as its log-likelihood ratio is, and
    the sum is the greatest there is: the face that is most like a person keeps them, and another
    gets its next best, or nobody.
    """
    persons = sorted({person for each in near for person in each})
    columns = {person: column for column, person in enumerate(persons)}
    worth = np.full((len(near), len(persons) + len(near)), _NEVER)
    worth[:, len(persons) :] = 0.0  # nobody, as often as need be
    for row, each in enumerate(near):
        for person, similarity in each.items():
            if similarity >= threshold:
                worth[row, columns[person]] = similarity - threshold + _AT_ALL
    _, chosen = linear_sum_assignment(worth, maximize=True)
    return [persons[column] if column < len(persons) else None for column in chosen.tolist()]
