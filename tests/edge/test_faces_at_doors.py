"""The whole way: a badge on a simulated OSDP line, a camera's own process, the face process, and
the verdict with its reason at the door."""

import asyncio
from pathlib import Path

import pytest

from controller import events as ev
from controller.events import Body
from controller.events_cameras import CameraFaulted, CameraRestored
from controller.events_pictures import PictureKept
from policies.codes import Code
from policies.facts import Factor
from simulators.gate.failures import Failure
from simulators.people.scenes import How
from tests.edge.faces_at_doors import ANOTHER, WITHIN_S, FaceHouse, person
from tests.edge.house import VAULT, until

TRIES_MAX = 3


@pytest.fixture(scope="module")
def clips(pytestconfig: pytest.Config) -> Path:
    """Kept from run to run: half of the time of these tests is drawing, and a clip's name says all
    that it depends on.
    """
    assert pytestconfig.cache is not None
    return pytestconfig.cache.mkdir("clips")


def missed(told: list[Body]) -> list[str]:
    """Why no face could be had, in a word each."""
    return [b.reason.partition(":")[0] for b in told if isinstance(b, ev.FactorMissed)]


def test_who_stands_before_the_camera_decides_what_her_badge_is_worth(
    tmp_path: Path, clips: Path
) -> None:
    house = FaceHouse(tmp_path, clips)

    async def run() -> None:
        async with house.served() as edge:
            # On a busy machine the pictures of her turning come too late: she tries again.
            for _ in range(TRIES_MAX):
                await house.stands(person())
                made, told = await house.decided(edge)
                if made.decision.code is not Code.FACTORS_MISSING:
                    break
            assert made.decision.granted, (made, missed(told))
            assert [one.factor for one in made.request.presented] == [Factor.BADGE, Factor.FACE]
            assert 1 <= len(house.asked) <= TRIES_MAX, "she was asked to turn, and did"
            async with asyncio.timeout(WITHIN_S):
                while not house.opened_at(VAULT):
                    await asyncio.sleep(0.05)
            opened = house.opened_at(VAULT)

            await house.stands(person(ANOTHER))
            made, _ = await house.decided(edge)
            assert made.decision.code is Code.FACTOR_FAILED, made

            await house.stands(person(how=How.PHOTO))
            made, told = await house.decided(edge)
            assert not made.decision.granted, (made, missed(told))

            assert house.opened_at(VAULT) == opened

    asyncio.run(run())


def test_where_no_face_can_be_had_nothing_opens_and_the_record_says_why(
    tmp_path: Path, clips: Path
) -> None:
    house = FaceHouse(tmp_path, clips)

    async def run() -> None:
        async with house.served() as edge:
            await house.stands(person(companion=ANOTHER))
            made, told = await house.decided(edge)
            assert (made.decision.code, missed(told)) == (Code.FACTORS_MISSING, ["several"])

            await house.stands(None)
            made, told = await house.decided(edge)
            assert (made.decision.code, missed(told)) == (Code.FACTORS_MISSING, ["nobody"])

            await house.stands(person())
            await house.fails(Failure.FREEZE)
            await until(edge, CameraFaulted, within_s=WITHIN_S)
            made, told = await house.decided(edge)
            assert made.decision.code is Code.FACTORS_MISSING
            assert not [b for b in told if isinstance(b, ev.FactorAsked)], "nobody looks at it"

            await house.fails(None)
            await until(edge, CameraRestored, within_s=WITHIN_S)
            assert not house.opened_at(VAULT)
            made, _ = await house.decided(edge)
            assert made.decision.granted, made
            # A picture beside each verdict, and the seconds around the fault.
            await until(edge, PictureKept, 4, within_s=WITHIN_S)

    asyncio.run(run())
