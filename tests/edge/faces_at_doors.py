"""A house whose vault asks for a face, with a simulated camera before it and drawn people."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache
from pathlib import Path

from controller import events as ev
from controller.events import Body
from drivers.faces.api import Template, Turn
from drivers.faces.engine import FastEngine
from drivers.faces.enrolment import enrol
from drivers.faces.recognition import open_recognition
from drivers.osdp import messages as osdp
from edge.assembly import Edge
from edge.control.messages_faces import EnrolFace
from policies.facts import Direction
from simulators.gate.failures import Failure
from simulators.gate.played import (
    FACE_PX,
    Come,
    Fail,
    Go,
    PlayedCamera,
    TurnTo,
    played_camera,
    turns_of,
)
from simulators.osdp_reader import SimulatedReader
from simulators.people.moves import WALK_S
from simulators.people.scenes import Scene
from simulators.people.views import views
from tests.edge.house import ADA, POLICY, VAULT, House, bodies, running, until

ADA_DRAWN, ANOTHER = 151, 293
"""Who of the drawn people lends Ada a face, and who does not; both are found however they turn."""

WITHIN_S = 120.0
"""For what has to happen, on a machine that does much else."""

CAMERA = """
[camera.vault-cam]
driver = "simulated"
url = "{url}"
portal = "vault-door"
"""


class FaceHouse(House):
    """The vault asks for badge and face; where none can be had, for a PIN and a guard, who does not
    attend here.
    """

    def __init__(self, folder: Path, clips: Path, turns: int = 1) -> None:
        super().__init__(folder)
        policy = POLICY.replace('pin = { 1 = "badge+pin" }', 'pin = { 1 = "badge+face" }')
        policy = policy.replace("[factors]", '[alternative]\nface = "pin+guard"\n\n[factors]')
        policy = policy.replace("[zone.vault]\n", f"[zone.vault]\nface-turns = {{ 1 = {turns} }}\n")
        policy = policy.replace(
            "[portal.vault-door]\n", '[portal.vault-door]\npictures = "decisions"\n'
        )
        (folder / "policy.toml").write_text(policy)
        former = self.readers["vault-in"]
        self.reader = self.readers["vault-in"] = SimulatedReader(
            former.address,
            former.key,
            os.urandom,
            inputs=0,
            outputs=0,
            lights=1,
            text_columns=16,
        )
        self._clips = clips
        self.asked: list[Turn] = []
        """Which way the display told whoever stood there to turn."""

    @asynccontextmanager
    async def served(self) -> AsyncIterator[Edge]:
        """The edge with its camera, which whoever stands there obeys; Ada is enrolled, and the
        camera is relied on.
        """
        template = adas_template()  # before anything runs that it would hold up
        async with played_camera(3, self._clips) as self.camera:
            with (self.folder / "site.toml").open("a") as site:
                site.write(CAMERA.format(url=self.camera.url))
            async with self.line(), running(self) as edge:
                obeying = asyncio.create_task(self._obey(self.camera))
                try:
                    await until(edge, ev.EdgeReady, within_s=WITHIN_S)
                    await _enrol_ada(edge, template)
                    await self.sees(edge)
                    yield edge
                finally:
                    obeying.cancel()
                    with suppress(asyncio.CancelledError):
                        await obeying

    async def sees(self, edge: Edge) -> None:
        """Wait until a face can be asked for at the vault."""
        watch = edge.daemon.answering.watch
        async with asyncio.timeout(WITHIN_S):
            while not watch.sees("vault-door", Direction.ENTRY):
                await asyncio.sleep(0.05)

    async def _obey(self, camera: PlayedCamera) -> None:
        """Whoever stands there reads the display."""
        seen = 0
        while True:
            texts = [c.text for _, c in self.reader.executed if isinstance(c, osdp.Text)]
            for turn in turns_of(texts[seen:]):
                self.asked.append(turn)
                await camera.tell(TurnTo(turn))
            seen = len(texts)
            await asyncio.sleep(0.05)

    async def stands(self, person: Scene | None) -> None:
        """Somebody comes and stands there, or nobody does."""
        await self.camera.tell(Go() if person is None else Come(person))
        await asyncio.sleep(WALK_S + 0.5)  # it is the walk itself that takes this long

    async def fails(self, failure: Failure | None) -> None:
        """The camera fails like this from now on, or no more."""
        await self.camera.tell(Fail(failure))

    async def decided(self, edge: Edge) -> tuple[ev.DecisionMade, list[Body]]:
        """Ada's badge at the vault; the verdict, and what was recorded from the badge on."""
        before = len(await bodies(edge))
        verdicts = len(await bodies(edge, ev.DecisionMade))
        self.badge("vault-in", ADA)
        found = await until(edge, ev.DecisionMade, verdicts + 1, within_s=WITHIN_S)
        made = found[-1]
        assert isinstance(made, ev.DecisionMade)
        return made, (await bodies(edge))[before:]

    @property
    def released(self) -> int:
        """How often the vault was let go so far."""
        return len(self.opened_at(VAULT))


async def _enrol_ada(edge: Edge, template: Template) -> None:
    one = EnrolFace(person="1", model=template.model, mean=template.mean, views=4, consent="form 7")
    reply = await edge.desk.faces.enrol(one, "officer", may_name=False)
    assert reply.done, reply


def person(identity: int = ADA_DRAWN, **how: object) -> Scene:
    return Scene(identity=identity, size_px=FACE_PX, **how)  # type: ignore[arg-type]


@cache
def adas_template() -> Template:
    seen = list(views(ADA_DRAWN, 4, seed=1, strength=0.5))
    made = enrol(FastEngine(open_recognition(None)), seen, jitter=1)
    assert made.template is not None, made.refusal
    return made.template
