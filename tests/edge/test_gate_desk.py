"""What a guard's terminal asks: pictures, a refusal, a release, over the control socket and beside
it, at a whole edge with a drawn camera at its front door.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from controller import events as ev
from controller.events_pictures import PictureKept, PictureShown
from controller.ids import HolderId, InputId
from controller.inputs_faces import FaceEnrolAsked
from controller.ledger import Personal
from drivers.cameras.api import CameraReported
from edge import gate_acts, gate_showing
from edge.assembly import Edge
from edge.control import serving_gate
from edge.control.client_gate import GateClient
from edge.control.messages_gate import (
    PLAN_BYTES_MAX,
    AskInside,
    ConfirmRelease,
    FollowGate,
    GateHello,
    GatePassage,
    GateReleaseWaits,
    GateSide,
    RefuseAtGate,
    ReleaseAtGate,
    ShowGatePicture,
    Stage,
)
from edge.control.messages_visits import LetPass, PassReply
from edge.gate_codes import Next
from edge.gate_sight import EVERYTHING, Guard, Sight
from policies.codes import Code
from policies.facts import Direction, Factor
from tests.edge.house import ADA, POLICY, VAULT, House, bodies, until
from tests.edge.pictures.drawn import DrawnCamera
from tests.edge.pictures.watched import Watched, watched
from tests.edge.test_gate_feed import Page, page, scene

PROTECTED = POLICY.replace("version = 1", "version = 1\nportraits = true").replace(
    "[role.staff]", "[role.staff]\nprotected = true"
)
BY_TWO = POLICY.replace(
    "[portal.vault-door]", "[portal.vault-door]\nrelease-by-two = true"
).replace('pin = { 1 = "badge+pin" }', 'pin = { 1 = "badge+pin | guard" }')
HOUSE = PROTECTED.replace('badge = { 1 = "badge" }', 'badge = { 1 = "badge | guard" }')
ADA_ID = HolderId("a" * 16)
PORTRAIT = b"\xff\xd8 her portrait"
GUS = Guard("gus", HolderId("b" * 16), Sight())
CHIEF = Guard("anna", ADA_ID, EVERYTHING)
ELSEWHERE = Guard("eva", None, Sight(frozenset({"vault-door"})))


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    (tmp_path / "policy.toml").write_text(HOUSE)
    return house


class WellCamera(DrawnCamera):
    """One that says that it can be relied on."""

    async def run(self, report: Callable[[CameraReported], None]) -> None:
        report(CameraReported(camera=self.name, at_ns=1, faults=(), about="well"))
        await super().run(report)


async def portrait(_: HolderId) -> bytes | None:
    return PORTRAIT


def enrol(one: Watched) -> None:
    one.edge.daemon.judge(
        FaceEnrolAsked(
            id=InputId("enrol-1"),
            holder=ADA_ID,
            version=1,
            model="m",
            views=3,
            consent=Personal("consent", "signed", "aa" * 16),
            operator=Personal("operator", "anna", "ab" * 16),
        )
    )


def test_pictures_a_refusal_and_a_release(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        camera = WellCamera("front-outside", "front")
        async with watched(house, monkeypatch, [camera]) as one:
            with patch.object(one.edge.desk.faces, "portrait", portrait):
                enrol(one)
                async with page(one.edge, who=CHIEF) as terminal:
                    seen = await comes(one, terminal)
                    await shows(one, seen)
                    await refuses(one, terminal)
                    await releases(one, terminal)

    asyncio.run(run())


async def comes(one: Watched, terminal: Page) -> GatePassage:
    one.house.badge("front-in", ADA)
    seen = await terminal.of(GatePassage, stage=Stage.DECIDED)
    assert seen.name == "Ada L"
    assert seen.pictures == (GateSide.LIVE, GateSide.ENROLLED, GateSide.DECISION)
    async with page(one.edge, who=GUS) as other:
        (shown,) = other.hello.recent
        assert (shown.name, shown.protected) == ("", True)
        assert shown.pictures == (GateSide.LIVE,)
    return seen


async def shows(one: Watched, seen: GatePassage) -> None:
    gates, state = one.edge.desk.gates, one.house.folder / "state"

    def over_the_socket() -> None:
        with GateClient(state) as client:
            live = client.gate_picture(ShowGatePicture(attempt=seen.attempt))
            assert live.data.startswith(b"\xff\xd8\xff\xe0")
            of_camera = client.gate_picture(ShowGatePicture(camera="front-outside"))
            assert of_camera.data.startswith(b"\xff\xd8\xff\xe0")
            asked = ShowGatePicture(attempt=seen.attempt, side=GateSide.ENROLLED)
            assert client.gate_picture(asked).data == PORTRAIT
            nobody = client.gate_picture(ShowGatePicture(attempt="none-such"))
            assert not nobody.data
            assert "nobody stands there" in nobody.reason
            inside = client.inside(AskInside())
            assert (inside.total, inside.timezone) == (0, "Europe/Vienna")
            plan = client.plan()
            assert [box.zone for box in plan.boxes] == ["street", "hall", "vault"]
            assert [point.portal for point in plan.points] == ["front", "vault-door"]
        with GateClient(state) as client:
            following = client.follow_gate(FollowGate(portals=("front",)))
            hello = next(following)
            assert isinstance(hello, GateHello)
            assert [passage.name for passage in hello.recent] == ["Ada L"]
            assert hello.portals[0].cameras[0].camera == "front-outside"

    await asyncio.to_thread(over_the_socket)
    await until(one.edge, PictureKept)
    kept = ShowGatePicture(attempt=seen.attempt, side=GateSide.DECISION)
    async with asyncio.timeout(20):
        # The file of keys has it a moment behind the journal.
        while not (piece := (await gates.picture(kept, CHIEF))[0]).data:
            await asyncio.sleep(0.01)
    assert piece.data.startswith(b"\xff\xd8\xff\xe0")
    (shown,) = await bodies(one.edge, PictureShown)
    assert isinstance(shown, PictureShown)
    assert shown.reason == "looked at on a guard's terminal"
    for asked, who in (
        (ShowGatePicture(attempt=seen.attempt), ELSEWHERE),
        (ShowGatePicture(camera="front-outside"), ELSEWHERE),
        (ShowGatePicture(attempt=seen.attempt, side=GateSide.ENROLLED), GUS),
        (kept, GUS),
        (kept, CHIEF._replace(sight=Sight(people=False))),
    ):
        (none,) = await gates.picture(asked, who)
        assert (none.data, bool(none.reason)) == (b"", True)
    with patch.object(gate_showing, "AT_GATE_US", 0):
        for side in (GateSide.LIVE, GateSide.ENROLLED):
            (gone,) = await gates.picture(ShowGatePicture(attempt=seen.attempt, side=side), CHIEF)
            assert gone.data == b""


async def refuses(one: Watched, terminal: Page) -> None:
    gates, house = one.edge.desk.gates, one.house
    house.badge("vault-in", ADA)
    asked = await terminal.of(GatePassage, stage=Stage.ASKED)
    refuse = RefuseAtGate(attempt=asked.attempt, reason="somebody else with her badge")
    blind = GUS._replace(sight=Sight(frozenset({"front"})))
    assert not (await gates.refuse(refuse, blind)).accepted
    done = await gates.refuse(refuse, GUS)
    assert (done.accepted, done.recorded) == (True, True)
    told = await terminal.of(GatePassage, attempt=asked.attempt, stage=Stage.DECIDED)
    assert (told.granted, told.code) == (False, Code.FACTOR_FAILED)
    assert told.next is Next.CALL_PROTOCOL, "she is protected"
    (answered,) = await bodies(one.edge, ev.FactorAnswered)
    assert isinstance(answered, ev.FactorAnswered)
    assert answered.operator is not None
    assert not (await gates.refuse(refuse, GUS)).accepted
    assert not house.opened_at(VAULT)


async def releases(one: Watched, terminal: Page) -> None:
    gates = one.edge.desk.gates
    asked = ReleaseAtGate(portal="front", direction=Direction.ENTRY, reason="the plumber")
    nobody = await gates.release(asked, Guard("root", None, EVERYTHING))
    assert (nobody.verdict, "sign in" in nobody.remedy) == (None, True)
    assert (await gates.release(asked, ELSEWHERE._replace(holder=ADA_ID))).verdict is None
    no_role = (await gates.release(asked, GUS)).verdict
    assert no_role is not None
    assert (no_role.granted, no_role.reasons[0][0]) == (False, Code.NO_GRANT)
    vault = ReleaseAtGate(portal="vault-door", direction=Direction.ENTRY, reason="a leak")
    refused = (await gates.release(vault, CHIEF)).verdict
    assert refused is not None
    assert (refused.granted, refused.reasons[0][0]) == (False, Code.FACTORS_MISSING)
    led = (await gates.release(replace(asked, party=1), CHIEF)).verdict
    assert led is not None
    assert led.reasons[0][0] == Code.NO_CONSENT, "strangers come by the head of mission's consent"
    done = (await gates.release(asked, CHIEF)).verdict
    assert done is not None
    assert (done.granted, done.released) == (True, True)
    told = await terminal.of(GatePassage, vouched=True, granted=True)
    assert (told.name, told.factors) == ("Ada L", (Factor.GUARD,))
    # Her badge's own grant may still run, with the strike on: a second one is what shows.
    granted = await until(one.edge, ev.PortalGranted, 2)
    assert {body.portal for body in granted if isinstance(body, ev.PortalGranted)} == {"front"}


def test_what_was_decided_is_told_a_guard_without_what_is_not_for_him() -> None:
    listed, late = (401, "on the watchlist"), (305, "no longer valid")
    noted, bag = (909, "on a list that is to be observed"), (910, "a sealed bag")
    refused = PassReply(granted=False, reasons=(listed, late), notes=(noted, bag))
    told = serving_gate.shown(refused, GUS.sight)
    assert told.reasons == ((0, "not allowed; call the chief"), late)
    assert told.notes == (bag,)
    other = serving_gate.shown(replace(refused, reasons=(late, listed)), GUS.sight)
    assert other.reasons == (late,), "that there is more does not show"
    assert serving_gate.shown(refused, CHIEF.sight) == refused


def test_a_drawing_of_the_site_is_told_as_it_lies_there(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    drawing = house.folder / "plan.svg"
    with (house.folder / "site.toml").open("a") as file:
        file.write('\n[pages]\nplan = "plan.svg"\n')

    async def what(edge: Edge) -> None:
        gates = edge.desk.gates
        for content, said in (
            (None, "is no file"),
            (b"\x89PNG", "is no SVG"),
            (b"<svg>" + b" " * PLAN_BYTES_MAX, "384 KiB"),
        ):
            if content is not None:
                drawing.write_bytes(content)
            caplog.clear()
            plan = await gates.plan()
            assert (plan.drawing, len(plan.boxes)) == (b"", 3)
            assert said in caplog.text
        drawing.write_bytes(b'<svg><path id="front"/></svg>')
        plan = await gates.plan()
        assert plan.drawing == drawing.read_bytes()
        assert [point.element for point in plan.points] == ["front", "vault-door"]

    scene(house, what)


def test_where_the_policy_wants_two_a_second_guard_confirms(tmp_path: Path) -> None:
    house = House(tmp_path)
    (tmp_path / "policy.toml").write_text(BY_TWO)

    async def what(edge: Edge) -> None:
        gates, bob = edge.desk.gates, GUS._replace(operator="bob")
        ask = ReleaseAtGate(portal="vault-door", direction=Direction.ENTRY, reason="a leak")
        async with page(edge, who=bob) as terminal:
            alone = LetPass(
                portal="vault-door", direction=Direction.ENTRY, person="1", reason="a leak"
            )
            one = await edge.desk.let_pass(alone, "anna")
            assert (one.granted, "two people" in one.reasons[0][1]) == (False, True)
            first = await gates.release(ask, CHIEF)
            assert first.verdict is None
            second = await gates.release(ask, CHIEF)
            stale, waits = first.release, second.release
            told = await terminal.of(GateReleaseWaits, release=waits)
            assert (told.operator, told.reason, told.over) == ("anna", "a leak", False)
            await terminal.of(GateReleaseWaits, release=stale, over=True)
            async with page(edge, who=bob) as late:
                assert [one.release for one in late.hello.releases] == [waits]
            for release, who in (
                (stale, bob),
                ("none-such", bob),
                (waits, CHIEF),
                (waits, bob._replace(holder=None)),
                (waits, bob._replace(sight=Sight(frozenset({"front"})))),
            ):
                refused = await gates.confirm(ConfirmRelease(release=release), who)
                assert (refused.verdict, bool(refused.reason)) == (None, True)
            assert not await bodies(edge, ev.GuardVouched)
            assert not house.opened_at(VAULT)
            done = (await gates.confirm(ConfirmRelease(release=waits), bob)).verdict
            assert done is not None
            assert (done.granted, done.released) == (True, True)
            await terminal.of(GateReleaseWaits, release=waits, over=True)
            again = await gates.confirm(ConfirmRelease(release=waits), bob)
            assert again.verdict is None
            stored = await edge.daemon.writer.read(1, 10_000, 2**26)
            (entry,) = [one for one in stored if b'"guard-vouched"' in one.entry]
            words = {personal.field: personal.value for personal in entry.personal}
            assert words["operator"] == "anna, bob"
            out = ReleaseAtGate(portal="vault-door", direction=Direction.EXIT, reason="she is ill")
            assert (await gates.release(out, CHIEF)).verdict is not None
            with patch.object(gate_acts, "CONFIRM_US", -1):
                late_one = await gates.release(ask, CHIEF)
            await terminal.of(GateReleaseWaits, release=late_one.release, over=True)
            gone = await gates.confirm(ConfirmRelease(release=late_one.release), bob)
            assert gone.verdict is None

    scene(house, what)
