"""Templates at a running edge and without one: journal first, whole after any cut, erased for good.

The templates are made up; pictures are in `test_face_command.py`.
"""

import asyncio
import fcntl
import os
import re
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from pathlib import Path
from unittest.mock import patch

import pytest
from msgspec.structs import replace

from controller import events_faces as ef
from controller.events import EdgeReady
from controller.ids import HolderId
from edge import ballast, doctor_faces
from edge.assembly import Edge
from edge.control.messages_erase import ErasePerson
from edge.control.messages_faces import EnrolFace, FaceReply, FaceShown, FacesReply
from edge.doctor import Finding, Machine, Patient, Verdict
from edge.face_closed import enrol_closed, erase_face_closed, faces_closed
from edge.face_due import why_due
from edge.faces import TemplateFile
from edge.journal import JournalWriter
from edge.people import Made
from tests.edge.checks import ready
from tests.edge.faces.made import MODEL, template
from tests.edge.house import House, bodies, running, until

ADA, BOB = HolderId("a" * 16), HolderId("b" * 16)
CONSENT = "signed form 7, in the registry's safe"
MADE = Made(by="officer", edge="gate", utc_us=1_795_212_000_000_000)


def asked(person: str, seed: int, *, moved: float = 0.0, **more: object) -> EnrolFace:
    one = EnrolFace(
        person=person,
        model=MODEL,
        mean=template(seed, moved=moved).mean,
        views=4,
        consent=CONSENT,
    )
    return replace(one, **more)


def scene(house: House, what: Callable[[Edge], Awaitable[None]]) -> None:
    async def run() -> None:
        async with house.line(), running(house) as edge:
            await ready(edge)
            await what(edge)

    asyncio.run(run())


async def enrolled(edge: Edge, one: EnrolFace) -> FaceReply:
    return await edge.desk.faces.enrol(one, "officer", may_name=False)


def everything(house: House) -> bytes:
    state = house.folder / "state"
    files = [path for path in state.rglob("*") if path.is_file() and path.name != ballast.FILE]
    return b"".join(path.read_bytes() for path in files)


@pytest.mark.parametrize("kept", [False, True])
def test_a_portrait_is_kept_where_the_policy_says_so_and_goes_with_the_template(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, *, kept: bool
) -> None:
    house = House(tmp_path)
    if kept:
        policy = tmp_path / "policy.toml"
        policy.write_text(
            policy.read_text().replace("version = 1", "version = 1\nportraits = true")
        )
    jpeg = b"\xff\xd8 a face \xff\xd9"

    async def enrols(edge: Edge) -> None:
        assert (await enrolled(edge, asked("1", 1, portrait=jpeg))).done
        assert await edge.desk.faces.portrait(ADA) == (jpeg if kept else None)
        assert await edge.desk.faces.portrait(BOB) is None
        assert (await edge.desk.faces.erase("1", "officer")).done
        assert await edge.desk.faces.portrait(ADA) is None

    with caplog.at_level("DEBUG"):
        scene(house, enrols)
    assert b" a face " not in everything(house) + caplog.text.encode()


def test_an_enrolment_is_recorded_and_on_file_and_outlives_a_restart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    house = House(tmp_path)

    async def enrols(edge: Edge) -> None:
        done = await enrolled(edge, asked("1", 1))
        assert (done.done, done.version, done.compared, done.alike) == (True, 1, 0, 0)
        (event,) = await bodies(edge, ef.FaceEnrolled)
        assert isinstance(event, ef.FaceEnrolled)
        assert (event.holder, event.model, event.views) == (ADA, MODEL, 4)
        assert event.note == "look-alikes-1"
        (stored,) = [
            one
            for one in await edge.daemon.writer.read(1, 1_000, 2**24)
            if b'"face-enrolled"' in one.entry
        ]
        words = {one.field: one.value for one in stored.personal}
        assert words["consent"].endswith(f": {CONSENT}")
        assert words["operator"] == "officer"
        assert CONSENT.encode() not in stored.entry
        again = await enrolled(edge, asked("1", 2))
        assert (again.done, again.version) == (True, 2)
        assert await edge.desk.faces.template(ADA) == template(2, version=2)
        assert await edge.desk.faces.template(BOB) is None

    async def remembers(edge: Edge) -> None:
        assert await edge.desk.faces.template(ADA) == template(2, version=2)
        (shown,) = (await edge.desk.faces.listed(0)).faces
        assert (shown.person, shown.name, shown.version) == ("1", "Ada L", 2)
        assert (shown.views, shown.trouble) == (4, "")
        assert await bodies(edge, ef.FaceUnsound) == []

    with caplog.at_level("DEBUG"):
        scene(house, enrols)
        scene(house, remembers)
    kept = everything(house) + caplog.text.encode()
    for seed in (1, 2):
        mean = template(seed).mean
        for at in range(0, len(mean), 8):
            assert mean[at : at + 8] not in kept
            assert mean[at : at + 8].hex().encode() not in kept


def test_erasing_takes_the_template_and_nothing_brings_it_back(tmp_path: Path) -> None:
    house = House(tmp_path)
    copies: list[Path] = []

    async def erases(edge: Edge) -> None:
        for person, seed in (("1", 1), ("2", 2)):
            assert (await enrolled(edge, asked(person, seed))).done
        file = house.folder / "state" / "faces.db"
        copies.append(Path(shutil.copy(file, tmp_path / "copy")))
        done = await edge.desk.faces.erase("1", "officer")
        assert (done.done, done.version) == (True, 1)
        (event,) = await bodies(edge, ef.FaceErased)
        assert isinstance(event, ef.FaceErased)
        assert (event.holder, event.cause) == (ADA, ef.FaceEnd.ASKED)
        assert await edge.desk.faces.template(ADA) is None
        assert ADA.encode() not in file.read_bytes()
        refused = await edge.desk.faces.erase("1", "officer")
        assert (refused.done, "no template" in refused.reason) == (False, True)

    async def gone(edge: Edge) -> None:
        await until(edge, ef.FaceErased)
        assert await edge.desk.faces.template(ADA) is None
        assert await edge.desk.faces.template(BOB) == template(2, version=2)

        def is_gone() -> bool:
            return ADA.encode() not in (house.folder / "state" / "faces.db").read_bytes()

        await settled(is_gone)

    scene(house, erases)
    shutil.copy(copies[0], house.folder / "state" / "faces.db")
    scene(house, gone)


async def settled(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.02)


def test_a_person_who_is_erased_or_known_no_more_takes_the_template_along(tmp_path: Path) -> None:
    house = House(tmp_path)

    async def erases(edge: Edge) -> None:
        for person, seed in (("1", 1), ("2", 2)):
            assert (await enrolled(edge, asked(person, seed))).done
        ask = ErasePerson(person="1", reason="left", even_inside=False, dry_run=True)
        assert (await edge.desk.erase_person(ask, "officer")).face
        done = await edge.desk.erase_person(replace(ask, dry_run=False), "officer")
        assert done.erased
        stored = (house.folder / "state" / "faces.db").read_bytes()
        assert ADA.encode() not in stored
        assert BOB.encode() in stored
        assert CONSENT.encode() not in b"".join(
            one.value.encode()
            for stored in await edge.daemon.writer.read(1, 1_000, 2**24)
            for one in stored.personal
            if b'"face-enrolled"' in stored.entry and ADA.encode() in stored.entry
        )
        declines = b"id,biometrics\n2,no\n"
        assert (await edge.desk.import_people(declines, "officer", False)).applied
        (event,) = await until(edge, ef.FaceErased)
        assert isinstance(event, ef.FaceErased)
        assert (event.holder, event.cause) == (BOB, ef.FaceEnd.DECLINED)
        await settled(
            lambda: BOB.encode() not in (house.folder / "state" / "faces.db").read_bytes()
        )
        refused = await enrolled(edge, asked("2", 2))
        assert "no biometrics" in refused.reason

    scene(house, erases)


def test_whoever_looks_alike_is_counted_and_named_to_few(tmp_path: Path) -> None:
    house = House(tmp_path)

    async def alike(edge: Edge) -> None:
        faces = edge.desk.faces
        assert (await enrolled(edge, asked("1", 1))).done
        twin = asked("2", 1, moved=0.2)
        refused = await enrolled(edge, twin)
        assert (refused.done, refused.compared, refused.alike) == (False, 1, 1)
        assert refused.people == ()
        assert "one other person" in refused.reason
        assert "1" not in refused.reason
        named = await faces.enrol(twin, "root", may_name=True)
        assert named.people == ("1",)
        assert await faces.template(BOB) is None
        assert len(await bodies(edge, ef.FaceEnrolled)) == 1
        done = await enrolled(edge, replace(twin, despite_alike=True))
        assert (done.done, done.alike) == (True, 1)
        (_, event) = await bodies(edge, ef.FaceEnrolled)
        assert isinstance(event, ef.FaceEnrolled)
        assert (event.compared, event.alike) == (1, 1)
        assert (await enrolled(edge, asked("1", 1, despite_alike=True))).done, "anew, of herself"

    scene(house, alike)


def test_who_is_not_on_file_is_not_enrolled(tmp_path: Path) -> None:
    house = House(tmp_path)

    async def refused(edge: Edge) -> None:
        done = await enrolled(edge, asked("9", 1))
        assert "nobody on file has the id '9'" in done.reason
        done = await edge.desk.faces.erase("9", "officer")
        assert "nobody on file has the id '9'" in done.reason
        nan = asked("1", 1, mean=b"\xff" * 512)
        assert "finite" in (await enrolled(edge, nan)).reason
        assert not (house.folder / "state" / "faces.db").exists()

    scene(house, refused)


def cut(thing: type[object], at: str) -> AbstractContextManager[object]:
    """The power goes before this step."""

    def off(*_: object) -> None:
        raise KeyboardInterrupt

    return patch.object(thing, at, off)


@pytest.mark.parametrize(("thing", "at"), [(TemplateFile, "stage"), (JournalWriter, "append")])
def test_a_cut_before_it_is_on_record_leaves_nothing(
    tmp_path: Path, thing: type[object], at: str
) -> None:
    house = House(tmp_path)
    scene(house, _nothing)
    with cut(thing, at), pytest.raises(KeyboardInterrupt):
        asyncio.run(enrol_closed(house.config(), asked("1", 1), MADE))
    assert asyncio.run(faces_closed(house.config())).faces == ()

    async def works(edge: Edge) -> None:
        assert await edge.desk.faces.template(ADA) is None
        await settled(lambda: ADA.encode() not in on_disk(house))
        assert (await enrolled(edge, asked("1", 1))).done

    scene(house, works)


async def _nothing(_: Edge) -> None:
    """It has run once."""


def on_disk(house: House) -> bytes:
    file = house.folder / "state" / "faces.db"
    return file.read_bytes() if file.exists() else b""


def test_a_cut_between_entry_and_file_is_settled_by_the_next_start(tmp_path: Path) -> None:
    house = House(tmp_path)
    scene(house, _nothing)
    with cut(TemplateFile, "settle"), pytest.raises(KeyboardInterrupt):
        asyncio.run(enrol_closed(house.config(), asked("1", 1), MADE))

    async def has_it(edge: Edge) -> None:
        await settled(lambda: in_force(house) == [ADA])
        assert await edge.desk.faces.template(ADA) == template(1)

    scene(house, has_it)
    with cut(TemplateFile, "settle"), pytest.raises(KeyboardInterrupt):
        asyncio.run(erase_face_closed(house.config(), "1", MADE))
    assert ADA.encode() in on_disk(house)

    async def has_it_no_more(edge: Edge) -> None:
        assert await edge.desk.faces.template(ADA) is None
        await settled(lambda: ADA.encode() not in on_disk(house))

    scene(house, has_it_no_more)


def in_force(house: House) -> list[str]:
    """Looked at from outside, as anybody may who can read the file."""
    file = house.folder / "state" / "faces.db"
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
        rows = connection.execute("SELECT holder FROM template WHERE in_force").fetchall()
    connection.close()
    return [holder for (holder,) in rows]


def test_without_a_daemon_the_same_is_done(tmp_path: Path) -> None:
    house = House(tmp_path)
    scene(house, _nothing)
    config = house.config()
    done = asyncio.run(enrol_closed(config, asked("1", 1), MADE))
    assert (done.done, done.version) == (True, 1)
    alike = asyncio.run(enrol_closed(config, asked("2", 1, moved=0.1), MADE))
    assert (alike.done, alike.people) == (False, ("1",))
    assert asyncio.run(enrol_closed(config, asked("2", 2), MADE)).version == 2
    (ada, bob) = asyncio.run(faces_closed(config)).faces
    assert (ada.person, bob.person, ada.trouble) == ("1", "2", "")
    erased = asyncio.run(erase_face_closed(config, "1", MADE))
    assert erased.done
    assert ADA.encode() not in (house.folder / "state" / "faces.db").read_bytes()

    async def knows(edge: Edge) -> None:
        assert edge.daemon.site.state.faces == {BOB: 2}
        assert await edge.desk.faces.template(BOB) == template(2, version=2)

    scene(house, knows)


def damaged(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[:100] = b"\xa5" * 100
    file.write_bytes(content)


def gone(file: Path) -> None:
    file.unlink()


def of_another_site(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE owner SET site = 'elsewhere'")
    connection.close()


def in_use(file: Path) -> None:
    """What `flock` does, by a process that outlives this function."""
    fcntl.flock(os.open(f"{file}.lock", os.O_RDWR), fcntl.LOCK_EX)


@pytest.mark.parametrize(
    ("deed", "said"),
    [
        (damaged, "not a"),
        (gone, "put it back|file back"),
        (of_another_site, "'elsewhere'"),
        (in_use, "another process has it open"),
    ],
)
def test_a_store_that_fails_stops_no_door_and_is_told_of(
    tmp_path: Path, deed: Callable[[Path], None], said: str
) -> None:
    house = House(tmp_path)
    file = house.folder / "state" / "faces.db"

    async def enrols(edge: Edge) -> None:
        assert (await enrolled(edge, asked("1", 1))).done

    async def goes_on(edge: Edge) -> None:
        await until(edge, EdgeReady, 2)
        assert await edge.desk.faces.template(ADA) is None
        (told,) = await until(edge, ef.FaceUnsound)
        assert isinstance(told, ef.FaceUnsound)
        assert (told.holder, told.version) == (ADA, 1)
        assert re.search(said, told.reason), told.reason
        assert await edge.desk.faces.template(ADA) is None
        assert len(await bodies(edge, ef.FaceUnsound)) == 1, "told once"
        reply = await edge.desk.faces.listed(0)
        (shown,) = reply.faces
        assert shown.trouble
        assert why_due(shown, reply, 730, "") == shown.trouble
        assert edge.daemon.site.state.faces == {ADA: 1}, "nothing is forgotten for it"

    scene(house, enrols)
    deed(file)
    before = file.read_bytes() if file.exists() else b""
    scene(house, goes_on)
    assert (file.read_bytes() if file.exists() else b"") == before, "and nothing is written over it"


def test_another_key_is_brought_in_at_the_start_and_on_record(tmp_path: Path) -> None:
    house = House(tmp_path)
    site = house.folder / "site.toml"
    plain = site.read_text()

    def keys(**named: str) -> None:
        lines = "".join(f'{key.replace("_", "-")} = "{file}"\n' for key, file in named.items())
        site.write_text(lines + plain)

    for name, byte in (("old.key", b"o"), ("new.key", b"n")):
        (house.folder / name).write_bytes(byte * 32)
        (house.folder / name).chmod(0o600)

    async def enrols(edge: Edge) -> None:
        for person, seed in (("1", 1), ("2", 2)):
            assert (await enrolled(edge, asked(person, seed))).done

    async def resealed(edge: Edge) -> None:
        (told,) = await until(edge, ef.TemplatesResealed)
        assert isinstance(told, ef.TemplatesResealed)
        assert told.templates == 2
        async with asyncio.timeout(30):
            while (await edge.desk.faces.listed(0)).key != told.key:
                await asyncio.sleep(0.02)
        assert await edge.desk.faces.template(ADA) == template(1)

    async def new_alone(edge: Edge) -> None:
        assert await edge.desk.faces.template(ADA) == template(1)
        assert await edge.desk.faces.template(BOB) == template(2, version=2)
        assert len(await bodies(edge, ef.TemplatesResealed)) == 1

    async def wrong(edge: Edge) -> None:
        assert await edge.desk.faces.template(ADA) is None
        (shown, _) = (await edge.desk.faces.listed(0)).faces
        assert "former-template-key" in shown.trouble

    keys(template_key="old.key")
    scene(house, enrols)
    keys(template_key="new.key", former_template_key="old.key")
    scene(house, resealed)
    keys(template_key="new.key")
    scene(house, new_alone)
    keys(template_key="old.key")
    scene(house, wrong)


def test_who_is_due_has_an_old_template_or_one_of_another_model() -> None:
    day_s = 86_400
    shown = FaceShown(
        person="1", name="Ada L", holder=ADA, version=1, model=MODEL, views=4, made_utc_s=0
    )
    reply = FacesReply(timezone="UTC", utc_s=730 * day_s, faces=(shown,))
    assert why_due(shown, reply, 730, MODEL) == ""
    assert why_due(shown, replace(reply, utc_s=731 * day_s), 730, MODEL) == "731 days old"
    assert "model-2 compares now" in why_due(shown, reply, 730, "model-2")
    assert why_due(shown, reply, 730, "") == "", "which model compares is not known"


def test_doctor_says_what_cannot_be_used(tmp_path: Path) -> None:
    house = House(tmp_path)

    async def looks(edge: Edge) -> None:
        patient = Patient(
            file=house.folder / "site.toml",
            state=house.folder / "state",
            config=house.config(),
            mistakes=0,
            volumes=(),
            machine=Machine(Path("/"), 0.0),
            progress=lambda done, total: None,
        )

        async def found() -> list[Finding]:
            return await asyncio.to_thread(lambda: list(doctor_faces.faces(patient)))

        assert [one.said for one in await found()] == ["nobody's face is enrolled"]
        for person, seed in (("1", 1), ("2", 2)):
            assert (await enrolled(edge, asked(person, seed))).done
        (well,) = await found()
        assert well.verdict is Verdict.OK
        with sqlite3.connect(house.folder / "state" / "faces.db") as connection:
            connection.execute("UPDATE template SET sealed = zeroblob(600) WHERE holder = ?", [ADA])
        connection.close()
        (ill,) = await found()
        assert (ill.verdict, ill.said[:6]) == (Verdict.FAIL, "1 of 2")

    scene(house, looks)
