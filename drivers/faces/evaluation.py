"""How well faces are told apart, counted over pictures whose people are known. Heavy.

Nothing here decides at a door. It says what an engine does with the pictures it was given, and no
more: a rate that no count bears out is told with the bound that the count allows.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from drivers.faces.interfaces import FaceEngine, Image, Vector
from drivers.faces.quality import DOOR, quality

ENROLLED_VIEWS: Final = 3
"""As many as an enrolment takes at least; a person with more pictures is compared as at a door."""

THRESHOLDS: Final = tuple(round(0.30 + 0.025 * step, 3) for step in range(15))
"""0.30 to 0.65: all that face.md section 5 looked at."""

FALSE_ACCEPTED_MOST: Final = 0.001
"""The rate for which a threshold is fixed on one half: one in a thousand. No set of this size bears
out less.
"""

NEAREST: Final = 5
"""Pairs of two people that are told by name: most often a picture in the wrong folder."""

Distances = NDArray[np.float64]


class Sample(NamedTuple):
    """One picture: whose, which, and what the engine made of it; no vector where `why` says why."""

    person: str
    name: str
    vector: Vector | None
    why: str = ""


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """`wrong` of `of`, and the bound below which the true rate lies with 95 % confidence if they
    were independent, which pairs of the same few people are not (Wilson score, one side).
    """

    wrong: int
    of: int
    rate: float
    at_most: float


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """At this threshold. `refused_all`: with the pictures in which nothing could be compared."""

    threshold: float
    refused: Count
    refused_all: Count
    accepted: Count


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One way to compare. `not_compared`: attempts of the right person without a clear face."""

    what: str
    genuine: int
    impostor: int
    not_compared: int
    equal_error: float
    equal_error_at: float
    rows: tuple[Row, ...]


class Halves(msgspec.Struct, frozen=True, kw_only=True):
    """A threshold that was fixed on one half of the people, and what it does on the other."""

    what: str
    threshold: float
    fixed_on: int
    tried_on: int
    refused: Count
    refused_all: Count
    accepted: Count


class Near(msgspec.Struct, frozen=True, kw_only=True):
    """Two pictures of two people, by how near they are."""

    distance: float
    one: str
    other: str


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A picture that could not be compared, and why."""

    picture: str
    why: str


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """What was found. `trials`: single pictures against each other and, where people have enough of
    them, the rest against the mean of the first three.
    """

    title: str
    model: str
    people: int
    pictures: int
    compared: int
    left_out: tuple[LeftOut, ...]
    trials: tuple[Trial, ...]
    halves: tuple[Halves, ...]
    nearest: tuple[Near, ...]


class Compared(NamedTuple):
    """Distances of the same person and of two; `lost`: attempts of the right person without one."""

    what: str
    genuine: Distances
    impostor: Distances
    lost: int


def sampled(engine: FaceEngine, person: str, name: str, image: Image) -> Sample:
    """What the engine makes of a picture: one clear face, or why not."""
    found = engine.find(image)
    if len(found) != 1:
        return Sample(person, name, None, "several faces" if found else "no face found")
    if (flaw := quality(image, found[0], DOOR).flaw) is not None:
        return Sample(person, name, None, flaw.value)
    return Sample(person, name, engine.describe(image, found[0]))


def evaluate(title: str, model: str, samples: Sequence[Sample]) -> Evaluation:
    """Counts. Raises ValueError where there is nothing to count: two people with a clear picture
    each, one of them with two.
    """
    everybody = singles(samples)
    if not len(everybody.genuine) or not len(everybody.impostor):
        raise ValueError(
            "no two clear pictures of one person, or of one only; "
            "give a folder for each of two people at least, with two pictures or more"
        )
    ways = [everybody, enrolled(samples)]
    half = set(sorted({sample.person for sample in samples})[::2])
    parts = [
        [sample for sample in samples if (sample.person in half) == inside]
        for inside in (True, False)
    ]
    first, second = ([singles(part), enrolled(part)] for part in parts)
    counts = tuple(len({sample.person for sample in part}) for part in parts)
    clear = [sample for sample in samples if sample.vector is not None]
    return Evaluation(
        title=title,
        model=model,
        people=sum(counts),
        pictures=len(samples),
        compared=len(clear),
        left_out=tuple(
            LeftOut(picture=sample.name, why=sample.why)
            for sample in samples
            if sample.vector is None
        ),
        trials=tuple(_trial(way) for way in ways if _counts(way)),
        halves=tuple(
            _halves(fixed, tried, counts)
            for fixed, tried in zip(first, second, strict=True)
            if _counts(fixed) and _counts(tried)
        ),
        nearest=_nearest(clear),
    )


def singles(samples: Sequence[Sample]) -> Compared:
    """Every clear picture against every other. A picture that shows none is one attempt lost for
    each other picture of its person.
    """
    lost = 0
    for _, own in _by_person(samples):
        clear = sum(sample.vector is not None for sample in own)
        lost += len(own) * (len(own) - 1) // 2 - clear * (clear - 1) // 2
    clear_ones = [sample for sample in samples if sample.vector is not None]
    apart, same = _apart(clear_ones)
    upper = np.triu(np.ones_like(same), 1)
    return Compared(
        "single pictures", np.sort(apart[same & upper]), np.sort(apart[~same & upper]), lost
    )


def enrolled(samples: Sequence[Sample]) -> Compared:
    """The mean of a person's first three clear pictures, and each of her others as an attempt; of
    everybody else the same pictures, as attempts with her badge.
    """
    means: dict[str, Distances] = {}
    probes: list[Sample] = []
    lost = 0
    for person, own in _by_person(samples):
        clear = [index for index, sample in enumerate(own) if sample.vector is not None]
        if len(clear) <= ENROLLED_VIEWS:
            continue
        views = clear[:ENROLLED_VIEWS]
        means[person] = np.mean(_vectors([own[index] for index in views]), axis=0)
        rest = [sample for index, sample in enumerate(own) if index > views[-1]]
        probes += [sample for sample in rest if sample.vector is not None]
        lost += sum(sample.vector is None for sample in rest)
    genuine = [_distance(means[probe.person], probe) for probe in probes]
    impostor = [
        _distance(mean, probe)
        for person, mean in means.items()
        for probe in probes
        if probe.person != person
    ]
    what = f"against the mean of {ENROLLED_VIEWS}"
    return Compared(what, np.sort(np.array(genuine)), np.sort(np.array(impostor)), lost)


def counted(wrong: int, of: int) -> Count:
    """As Count says."""
    if of == 0:
        return Count(wrong=0, of=0, rate=0.0, at_most=1.0)
    z, rate = 1.645, wrong / of
    middle = rate + z * z / (2 * of)
    spread = z * math.sqrt(rate * (1 - rate) / of + z * z / (4 * of * of))
    bound = min(1.0, (middle + spread) / (1 + z * z / of))
    return Count(wrong=wrong, of=of, rate=rate, at_most=bound)


def row(found: Compared, threshold: float) -> Row:
    """What this threshold does: as near or nearer is the same person."""
    refused = len(found.genuine) - int(np.searchsorted(found.genuine, threshold, "right"))
    accepted = int(np.searchsorted(found.impostor, threshold, "right"))
    return Row(
        threshold=threshold,
        refused=counted(refused, len(found.genuine)),
        refused_all=counted(refused + found.lost, len(found.genuine) + found.lost),
        accepted=counted(accepted, len(found.impostor)),
    )


def curve(found: Compared) -> Iterator[tuple[float, float, float]]:
    """Threshold, share of the right ones refused, share of the wrong ones accepted; in steps of
    a thousandth, from nobody accepted to everybody.
    """
    for step in range(1001):
        at = row(found, step / 1000)
        yield at.threshold, at.refused.rate, at.accepted.rate


def ways(samples: Sequence[Sample]) -> tuple[Compared, ...]:
    """What can be compared of these, for curves."""
    return tuple(way for way in (singles(samples), enrolled(samples)) if _counts(way))


def _counts(found: Compared) -> bool:
    return bool(len(found.genuine) and len(found.impostor))


def _trial(found: Compared) -> Trial:
    gaps = [(abs(refused - accepted), at) for at, refused, accepted in curve(found)]
    equal = row(found, min(gaps)[1])
    return Trial(
        what=found.what,
        genuine=len(found.genuine),
        impostor=len(found.impostor),
        not_compared=found.lost,
        equal_error=(equal.refused.rate + equal.accepted.rate) / 2,
        equal_error_at=equal.threshold,
        rows=tuple(row(found, threshold) for threshold in THRESHOLDS),
    )


def fixed(found: Compared) -> float:
    """The greatest threshold, in thousandths, that accepts at most FALSE_ACCEPTED_MOST."""
    good = (at for at, _, accepted in curve(found) if accepted <= FALSE_ACCEPTED_MOST)
    return max(good)


def _halves(first: Compared, second: Compared, people: tuple[int, ...]) -> Halves:
    at = row(second, fixed(first))
    return Halves(
        what=first.what,
        threshold=at.threshold,
        fixed_on=people[0],
        tried_on=people[1],
        refused=at.refused,
        refused_all=at.refused_all,
        accepted=at.accepted,
    )


def _by_person(samples: Iterable[Sample]) -> Iterator[tuple[str, list[Sample]]]:
    people: dict[str, list[Sample]] = {}
    for sample in samples:
        people.setdefault(sample.person, []).append(sample)
    yield from people.items()


def _distance(mean: Distances, probe: Sample) -> float:
    assert probe.vector is not None
    return float(np.linalg.norm(mean - probe.vector))


def _apart(samples: Sequence[Sample]) -> tuple[Distances, NDArray[np.bool_]]:
    """How far each is from each, and whether both are the same person; (n, n)."""
    if not samples:
        return np.zeros((0, 0)), np.zeros((0, 0), np.bool_)
    vectors = _vectors(samples)
    squares = (vectors**2).sum(axis=1)
    apart = np.sqrt(np.maximum(0.0, squares[:, None] + squares[None] - 2 * vectors @ vectors.T))
    people = np.array([sample.person for sample in samples])
    return apart, people[:, None] == people[None]


def _vectors(samples: Sequence[Sample]) -> NDArray[np.float64]:
    """(n, 128), of samples that have one."""
    return np.array([sample.vector for sample in samples if sample.vector is not None], np.float64)


def _nearest(samples: Sequence[Sample]) -> tuple[Near, ...]:
    apart, same = _apart(samples)
    apart[same | np.tril(np.ones_like(same))] = np.inf
    order = np.argsort(apart, axis=None)[:NEAREST]
    places = [divmod(int(index), len(samples)) for index in order]
    return tuple(
        Near(
            distance=round(float(apart[one, other]), 3),
            one=samples[one].name,
            other=samples[other].name,
        )
        for one, other in places
        if math.isfinite(apart[one, other])
    )
