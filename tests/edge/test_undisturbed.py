"""While a policy is loaded nothing of the interpreter's own keeps a decision waiting."""

import asyncio
import errno
import gc
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge import policy_desk
from edge.policy_bundle import Offer
from edge.policy_store import PolicyStore
from edge.undisturbed import SWITCH_S, undisturbed
from tests.edge.checks import ready
from tests.edge.house import House, running
from tests.edge.process import running_process
from tests.edge.signed import ANNA, BEN, bundle, signed_house, version


@pytest.fixture(autouse=True)
def everything_counts_again() -> Iterator[None]:
    yield
    gc.unfreeze()


def is_walked(thing: object) -> bool:
    """The collector looks at it."""
    return any(one is thing for one in gc.get_objects())


@pytest.mark.parametrize(("text", "applied"), [(version(2), True), (version(1), False)])
def test_threads_change_quickly_and_the_collector_rests_while_a_policy_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, applied: bool
) -> None:
    house, honest = signed_house(tmp_path), policy_desk.offered
    meanwhile: list[tuple[bool, float]] = []

    def offered(*asked: object) -> Offer:
        meanwhile.append((gc.isenabled(), sys.getswitchinterval()))
        return honest(*asked)  # type: ignore[arg-type]

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            assert is_walked(edge.daemon.site.policy)
            before = sys.getswitchinterval()
            monkeypatch.setattr(policy_desk, "offered", offered)
            reply = await edge.desk.load_policy(bundle(text, ANNA, BEN), "smith")
            assert reply.applied is applied
            assert meanwhile == [(False, pytest.approx(SWITCH_S))]
            assert (gc.isenabled(), sys.getswitchinterval()) == (True, before)
            in_force = edge.daemon.site.policy
            assert is_walked(in_force) is not applied, "what came into force is left alone"

    asyncio.run(run())


@pytest.mark.parametrize("refused", ["garbage", "not newer", "not kept"])
def test_a_policy_that_is_refused_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    house = signed_house(tmp_path)
    data = {"garbage": b"not signed", "not newer": bundle(version(1), ANNA, BEN)}

    def full(self: PolicyStore, *_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            monkeypatch.setattr(PolicyStore, "put", full)
            offered = data.get(refused, bundle(version(2), ANNA, BEN))
            before = gc.get_freeze_count()
            for _ in range(3):
                assert not (await edge.desk.load_policy(offered, "smith")).applied
            assert gc.get_freeze_count() <= before
            assert gc.isenabled()

    asyncio.run(run())


class Ring:
    """Refers to itself."""

    def __init__(self) -> None:
        self.itself = self


def test_what_the_work_has_dropped_is_not_kept_for_good() -> None:
    with undisturbed():
        dropped, left = weakref.ref(Ring()), Ring()
        assert dropped() is not None
    assert dropped() is None
    assert not is_walked(left)


def test_the_collector_wakes_though_the_work_fails() -> None:
    before = sys.getswitchinterval()
    with pytest.raises(ZeroDivisionError), undisturbed():
        raise ZeroDivisionError
    assert (gc.isenabled(), sys.getswitchinterval()) == (True, before)


def test_of_two_at_once_the_first_to_end_wakes_the_collector() -> None:
    first, second = undisturbed(), undisturbed()
    with first:
        second.__enter__()
    assert gc.isenabled()
    second.__exit__(None, None, None)
    assert gc.isenabled()


def test_what_the_start_has_made_is_left_alone(tmp_path: Path) -> None:
    house = House(tmp_path)
    told = (
        "import atexit, gc, sys\n"
        "def tell(): print('left alone:', gc.get_freeze_count(), file=sys.stderr)\n"
        "atexit.register(tell)"
    )

    async def run() -> None:
        async with house.line(), running_process(house, plant=told) as edge:
            assert await edge.stop() == 0
            _, _, count = edge.said.partition("left alone: ")
            assert int(count.split()[0]) > 10_000, "whole modules, people and the policy"

    asyncio.run(run())
