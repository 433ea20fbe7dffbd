"""What a start serves by: the policy that people had put in force, whatever lies in the files."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec
import pytest

from controller import events as ev
from edge import policy_bundle
from edge.config import Config, load_config, under_policy
from edge.control.client import Client, ControlClientError
from edge.control.messages_policy import PolicyReply
from edge.kept import keep, kept_instead
from edge.policy_bundle import compiled
from edge.policy_desk import PolicyDesk
from edge.policy_start import AtStart, served_next
from edge.policy_store import FOLDER, KeptPolicy, PolicyStore
from edge.safe_mode import SERVED_S
from policies import SourceFile
from simulators.virtual.loop import run as run_virtually
from tests.edge.house import POLICY, House, bodies, running, until
from tests.edge.process import entries, running_process
from tests.edge.signed import ANNA, BEN, bundle, digest_of, shut, signed_house, version

if TYPE_CHECKING:
    from edge.daemon import Daemon

FIRST, SECOND = digest_of(POLICY), digest_of(shut(2))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return signed_house(tmp_path)


def write_policy(house: House, text: str) -> None:
    (house.folder / "policy.toml").write_text(text)


def forget_keys(house: House) -> None:
    site = house.folder / "site.toml"
    site.write_text(site.read_text().partition("\n[key.")[0])


def add_portal(house: House) -> None:
    """A door more, in site file and policy."""
    site = house.folder / "site.toml"
    site.write_text(
        site.read_text()
        .replace("outputs = 2", "outputs = 3")
        .replace(
            "[portal.front]",
            '[portal.side]\nlock = { device = "board", output = 2 }\n[portal.front]',
        )
    )
    side = (
        '[portal.side]\nfrom = "street"\nto = "hall"\nkind = "door"\nlock = "power-to-unlock"\n'
        'egress = "mechanical"\nexit = "free"\ncontact = false\nopen-s = 2\n'
    )
    write_policy(house, version(2) + side)


async def _one_run(house: House, load: str | None = None, *, back: bool = False) -> tuple[str, str]:
    async with house.line(), running(house) as edge:
        await until(edge, ev.EdgeReady)
        found = await edge.desk.policy_status()
        *_, began = await bodies(edge, ev.EdgeStarted)
        assert isinstance(began, ev.EdgeStarted)
        assert began.policy == found.digest == edge.daemon.site.policy.digest
        assert began.policy_version == found.version
        if load is not None:
            assert (await edge.desk.load_policy(bundle(load, ANNA, BEN), "smith")).applied
        if back:
            assert (await edge.desk.return_policy("smith")).applied
        return found.digest, found.note


def run(house: House, load: str | None = None, *, back: bool = False) -> tuple[str, str]:
    """One run of the edge: by which policy it starts, and what it says of the site file's. Before
    it ends it loads another policy, or returns.
    """
    return asyncio.run(_one_run(house, load, back=back))


def kept(house: House) -> set[str]:
    return {path.stem for path in (house.folder / "state" / FOLDER).iterdir()}


# --- restarts -----------------------------------------------------------------------------------


def test_what_was_loaded_goes_on_after_a_restart_and_so_does_what_was_returned_to(
    house: House,
) -> None:
    assert run(house, shut(2)) == (FIRST, "")
    assert run(house) == (SECOND, ""), "the site file names the first one still"
    assert kept(house) == {FIRST, SECOND}
    assert run(house, back=True) == (SECOND, "")
    assert run(house) == (FIRST, "")
    assert kept(house) == {FIRST}
    # What was taken back stands in the site file: that brings it into force by no start.
    write_policy(house, shut(2))
    digest, note = run(house)
    assert digest == FIRST
    assert "another than the one in force" in note


def test_an_edited_file_is_no_signature(house: House, caplog: pytest.LogCaptureFixture) -> None:
    run(house)
    write_policy(house, shut(2))
    caplog.set_level(logging.WARNING)
    for _ in range(2):
        digest, note = run(house)
        assert digest == FIRST
        assert note.startswith("the site file's policy (version 2, ")
        assert note.endswith("a start signs nothing: version 1 goes on")
    assert "sentrypost policy load" in caplog.text
    assert run(house, shut(2))[0] == FIRST
    assert run(house) == (SECOND, "")


def test_without_two_people_who_sign_the_file_counts_but_for_a_lower_version(
    house: House,
) -> None:
    forget_keys(house)
    assert run(house) == (FIRST, "")
    write_policy(house, shut(3))
    assert run(house) == (digest_of(shut(3)), "")
    write_policy(house, shut(2))
    assert run(house)[0] == digest_of(shut(3))
    assert run(house, back=True)[0] == digest_of(shut(3))
    assert run(house)[0] == FIRST, "one step leads back there as well"


def test_people_are_imported_under_the_policy_of_the_next_start(house: House) -> None:
    """Where two sign, what was put in force last; the site file names the first one still."""
    named = load_config(house.folder / "site.toml")
    assert served_next(named).digest == FIRST
    run(house, shut(2))
    assert served_next(named).digest == SECOND
    assert served_next(msgspec.structs.replace(named, keys=())).digest == FIRST


def test_new_time_zones_are_the_same_policy(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    run(house, shut(2))
    write_policy(house, shut(2))
    for edition in ("2031.1", "2031.2"):
        monkeypatch.setattr(policy_bundle, "version", lambda _, edition=edition: edition)
        assert run(house) == (digest_of(shut(2)), "")
    assert len({digest_of(shut(2)), SECOND}) == 2
    run(house, back=True)
    assert run(house)[0] == digest_of(POLICY), "and there is the one before"


def _forge(path: Path) -> None:
    """Somebody puts another policy in the kept one's place."""
    forged = bundle(version(9), ANNA, BEN)
    path.write_bytes(
        msgspec.json.encode(KeptPolicy(tzdata=policy_bundle.own_tzdata(), envelope=forged))
    )


@pytest.mark.parametrize("spoil", [_forge, Path.unlink, lambda path: path.write_bytes(b"{")])
def test_a_start_never_fails_for_want_of_a_policy(
    house: House, spoil: Callable[[Path], None]
) -> None:
    """What is kept is believed by its digest alone; without it the site file is all there is."""
    run(house, shut(2))
    spoil(house.folder / "state" / FOLDER / f"{SECOND}.policy")
    digest, note = run(house)
    assert digest == FIRST
    assert note.startswith("the policy that was in force is not kept")


def test_another_door_comes_with_site_file_and_policy_and_is_said(house: House) -> None:
    run(house, shut(1).replace("version = 1", "version = 2"))
    add_portal(house)
    digest, note = run(house)
    assert digest == house.config().policy.digest
    assert "does not fit this site file" in note
    assert run(house) == (digest, "")


def test_a_policy_with_mistakes_does_not_keep_the_edge_from_starting(house: House) -> None:
    async def scene() -> None:
        async with house.line():
            async with running_process(house) as edge:
                assert (await asked(house, bundle(shut(2), ANNA, BEN))).applied
                await edge.stop()
            write_policy(house, "zone = 3")
            async with running_process(house) as edge:
                with Client(house.folder / "state") as daemon:
                    found = daemon.policy_status()
                assert found.digest == SECOND
                assert "the site file's policy has mistakes" in found.note
                assert "policy.toml:1:1" in edge.said
                await edge.stop()

    asyncio.run(scene())
    assert entries(house, ev.EdgeStarted)[-1].policy == SECOND


# --- safe mode ----------------------------------------------------------------------------------


def test_a_loaded_policy_that_has_lasted_is_what_safe_mode_falls_back_on(house: House) -> None:
    async def scene() -> None:
        async with house.line(), running(house) as edge:
            await until(edge, ev.EdgeReady)
            keep(edge.policy.config)
            assert kept_instead(house.config()) is None
            assert (await edge.desk.load_policy(bundle(shut(2), ANNA, BEN), "smith")).applied
            keep(edge.policy.config)

    asyncio.run(scene())
    instead = kept_instead(house.config())
    assert instead is not None
    assert (instead.kept, instead.policy.digest) == (True, SECOND)


def test_each_policy_has_to_last_before_it_is_kept(house: House) -> None:
    kept: list[tuple[float, str]] = []

    async def aside(action: Callable[[], None]) -> None:
        action()

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        desk = PolicyDesk(cast("Daemon", None), AtStart(house.config(), None), PolicyStore(Path()))

        def keeps(found: Config) -> None:
            kept.append((loop.time(), found.policy.digest))

        noting = asyncio.create_task(desk.note_service(keeps, aside))
        await asyncio.sleep(2 * SERVED_S)
        for text in (shut(2), shut(3)):
            policy = compiled([SourceFile("policy.toml", text.encode())])
            desk.config = under_policy(desk.config, policy, desk.config.policy_files)
            desk._changed.set()
            await asyncio.sleep(SERVED_S - 1)
        await asyncio.sleep(2)
        noting.cancel()

    run_virtually(scene())
    assert kept == [(4 * SERVED_S - 1, digest_of(shut(3)))]


# --- power cuts ---------------------------------------------------------------------------------

CUT = "import os\ndef cut(*_): os._exit(9)\n"
STORE = CUT + "from edge.policy_store import PolicyStore\n"
KEPT_BOTH = STORE + (
    "honest = PolicyStore.put\n"
    "def put(self, digest, kept):\n"
    "    honest(self, digest, kept)\n"
    f"    if digest == {SECOND!r}: cut()\n"
    "PolicyStore.put = put\n"
)
HALF_KEPT = CUT + (
    "from edge import policy_store\n"
    f"second = {SECOND!r}\n"
    "def fsync(fd):\n"
    "    if second in os.readlink(f'/proc/self/fd/{fd}'): cut()\n"
    "policy_store.os.fsync = fsync\n"
)
JUDGED = CUT + (
    "from controller.events import PolicyActivated\n"
    "from edge.recorder import Recorder\n"
    "honest = Recorder.record\n"
    "def record(self, events, effects):\n"
    "    if any(isinstance(e.body, PolicyActivated) for e in events): cut()\n"
    "    honest(self, events, effects)\n"
    "Recorder.record = record\n"
)
RECORDED = CUT + (
    "from edge.recorder import Recorder\n"
    "honest = Recorder._store\n"
    "async def store(self, records):\n"
    "    await honest(self, records)\n"
    "    if any(b'policy-activated' in r.entry for r in records): cut()\n"
    "Recorder._store = store\n"
)
TIDYING = STORE + (
    "honest = PolicyStore.keep_only\n"
    "def keep_only(self, digests):\n"
    "    if len(digests - {''}) == 2: cut()\n"
    "    honest(self, digests)\n"
    "PolicyStore.keep_only = keep_only\n"
)


@pytest.mark.parametrize(
    ("plant", "after"),
    [
        (STORE + "PolicyStore.put = cut\n", FIRST),
        (HALF_KEPT, FIRST),
        (KEPT_BOTH, FIRST),
        (JUDGED, FIRST),
        (RECORDED, SECOND),
        (TIDYING, SECOND),
    ],
    ids=["before it is kept", "half kept", "kept", "judged", "recorded", "not tidied up"],
)
def test_a_power_cut_leaves_one_policy_or_the_other_whole(
    house: House, plant: str, after: str
) -> None:
    async def scene() -> None:
        async with house.line():
            async with running_process(house) as edge:  # keeps the first one
                await edge.stop()
            async with running_process(house, plant=plant) as edge:
                with pytest.raises(ControlClientError):
                    await asked(house, bundle(shut(2), ANNA, BEN))
                assert await edge.ended() == 9
            activated = [body.digest for body in entries(house, ev.PolicyActivated)]
            assert activated == ([SECOND] if after == SECOND else [])
            async with running_process(house) as edge:
                await edge.stop()
            assert entries(house, ev.EdgeStarted)[-1].policy == after
            # Whatever was left half done is in nobody's way.
            async with running_process(house) as edge:
                again = await asked(house, bundle(shut(3), ANNA, BEN))
                assert again.applied, again
                await edge.stop()

    asyncio.run(scene())


async def asked(house: House, envelope: bytes) -> PolicyReply:
    def ask() -> PolicyReply:
        with Client(house.folder / "state") as daemon:
            return daemon.load_policy(envelope)

    return await asyncio.to_thread(ask)
