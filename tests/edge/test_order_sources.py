"""Key switches and panic inputs: what they order, with nobody but the edge at hand."""

import asyncio
import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from controller import events as ev
from controller.events_points import SourceActed, SourceLetGo
from controller.orders import Cover
from edge import order_sources
from edge.assembly import Edge
from edge.commands.key import key as key_command
from edge.control.messages_orders import Carrier
from edge.key_files import KeyFileError
from edge.order_key import KEY_FILE, NEXT_FILE, next_order_key, order_key, rotate_order_key
from edge.signatures import public_text
from policies.codes import Code
from policies.facts import Mode
from policies.rights import OrderKind
from tests.edge.compound import Compound, Played, played
from tests.edge.file_cuts import CutError, cut_after
from tests.edge.house import ADA, bodies, running, until
from tests.edge.ordering import ANNA, ordered_house
from tests.edge.test_order_desk import WHO, come


@pytest.fixture
def compound(tmp_path: Path) -> Compound:
    """Somebody's key is in its site file, and its own is not."""
    (tmp_path / "compound").mkdir()
    compound = Compound(tmp_path / "compound")
    with (compound.folder / "site.toml").open("a") as file:
        public = public_text(ANNA.public)
        file.write(f'\n[key.anna]\nperson = "Anna"\npublic = "{public}"\nmay = ["order"]\n')
    return compound


def scene(compound: Compound, what: Callable[[Edge, Played], Awaitable[None]]) -> None:
    async def run() -> None:
        async with played(compound) as site, running(compound) as edge:
            await until(edge, ev.EdgeReady)
            await until(edge, SourceLetGo, 2)
            await what(edge, site)

    asyncio.run(run())


async def accepted(edge: Edge, count: int) -> list[ev.OrderAccepted]:
    found = await until(edge, ev.OrderAccepted, count)
    return [one for one in found if isinstance(one, ev.OrderAccepted)]


def test_the_key_switch_locks_the_site_and_turning_it_back_lifts_nothing(
    compound: Compound,
) -> None:
    async def what(edge: Edge, site: Played) -> None:
        site.does("trip", "source.guard-key")
        (given,) = await accepted(edge, 1)
        order = given.order
        assert (order.kind, order.cover, order.source) == (
            OrderKind.LOCKDOWN,
            Cover.FULL,
            "guard-key",
        )
        assert order.reason == "the guard turned the key"
        own = order_key(compound.folder / "state")
        assert (given.people, given.keys, given.path) == (0, (own.id,), "switch")
        await come(edge, order.id, lambda reply: any(one.obeyed for one in reply.portals))
        assert site.world.readers["front-in"].present_card(26, ADA)
        (refused,) = await until(edge, ev.DecisionMade)
        assert isinstance(refused, ev.DecisionMade)
        assert refused.decision.code is Code.LOCKDOWN
        site.does("rest", "source.guard-key")
        await until(edge, SourceLetGo, 3)
        assert edge.desk.orders.posture().mode is Mode.LOCKDOWN
        assert len(await bodies(edge, ev.OrderAccepted)) == 1

    scene(compound, what)


def test_the_panic_button_raises_the_level(compound: Compound) -> None:
    async def what(edge: Edge, site: Played) -> None:
        site.does("trip", "source.panic")
        (given,) = await accepted(edge, 1)
        assert (given.order.kind, given.order.level) == (OrderKind.RAISE, 5)
        assert edge.desk.orders.posture().threat == 5

    scene(compound, what)


async def turned(edge: Edge, site: Played, times: int) -> None:
    """So many times, and as often back."""
    begun = len(await bodies(edge, SourceActed))
    back = len(await bodies(edge, SourceLetGo))
    for number in range(1, times + 1):
        site.does("trip", "source.guard-key")
        await until(edge, SourceActed, begun + number)
        site.does("rest", "source.guard-key")
        await until(edge, SourceLetGo, back + number)


def test_a_key_turned_again_at_once_is_one_order_and_later_another(
    compound: Compound, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def what(edge: Edge, site: Played) -> None:
        monkeypatch.setattr(order_sources, "SAME_US", 3_600_000_000)
        await turned(edge, site, 2)
        assert len(await bodies(edge, ev.OrderAccepted)) == 1
        monkeypatch.setattr(order_sources, "SAME_US", 0)
        await turned(edge, site, 1)
        assert len(await bodies(edge, ev.OrderAccepted)) == 2

    scene(compound, what)


def test_another_edge_takes_it_where_its_site_file_names_the_key(
    compound: Compound, tmp_path: Path
) -> None:
    own = order_key(compound.folder / "state")
    for name in ("knows", "stranger"):
        (tmp_path / name).mkdir()
    knows, stranger = (ordered_house(tmp_path / name, edge=name) for name in ("knows", "stranger"))
    with (knows.folder / "site.toml").open("a") as file:
        public = public_text(own.public)
        file.write(f'\n[key.gate]\nperson = "edge gate"\npublic = "{public}"\nmay = ["raise"]\n')
    carried: list[bytes] = []

    async def what(edge: Edge, site: Played) -> None:
        site.does("trip", "source.guard-key")
        (given,) = await accepted(edge, 1)
        carried.append(given.order.envelope.encode())
        again = await edge.desk.orders.give(carried[0], Carrier.FILE, "", WHO)
        assert (again.accepted, again.already) == (True, True), "it knows its own key"

    async def elsewhere() -> None:
        for house, mode in ((knows, Mode.LOCKDOWN), (stranger, Mode.NORMAL)):
            async with house.line(), running(house) as edge:
                reply = await edge.desk.orders.give(carried[0], Carrier.FILE, "", WHO)
                assert reply.accepted is (mode is Mode.LOCKDOWN), reply
                assert edge.desk.orders.posture().mode is mode

    scene(compound, what)
    asyncio.run(elsewhere())


def test_the_edge_prints_by_which_key_others_believe_it(compound: Compound) -> None:
    site = str(compound.folder / "site.toml")
    early = CliRunner().invoke(key_command, ["edge", "--config", site])
    assert early.exit_code == 1
    assert "there is no such key yet" in early.output
    own = order_key(compound.folder / "state")
    result = CliRunner().invoke(key_command, ["edge", "--config", site])
    assert result.exit_code == 0, result.output
    entry = tomllib.loads(result.stdout)["key"]["gate"]
    assert entry == {"person": "edge gate", "public": public_text(own.public), "may": ["raise"]}


def test_a_key_is_rotated_after_the_others_know_it(compound: Compound) -> None:
    def printed(*words: str) -> dict[str, object]:
        done = CliRunner().invoke(
            key_command, ["edge", "--config", str(compound.folder / "site.toml"), *words]
        )
        assert done.exit_code == 0, done.output
        (entry,) = tomllib.loads(done.stdout)["key"].values()
        assert isinstance(entry, dict)
        return entry

    state = compound.folder / "state"
    own = order_key(state)
    following = printed("--next")
    assert printed("--next") == following, "asked again it says the same"
    assert (state / NEXT_FILE).stat().st_mode & 0o777 == 0o600
    assert order_key(state).public == own.public, "and the present one signs"
    assert following["public"] != public_text(own.public)
    assert printed("--rotate") == following
    assert public_text(order_key(state).public) == following["public"]
    assert not (state / NEXT_FILE).exists()
    with pytest.raises(KeyFileError, match="no next key"):
        rotate_order_key(state)
    assert public_text(order_key(state).public) == following["public"]


def test_a_power_cut_anywhere_leaves_a_key_that_was_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = set[bool]()
    for steps in range(100):
        state = tmp_path / str(steps)
        state.mkdir()
        own = order_key(state)
        printed = {own.public}
        with monkeypatch.context() as patch:
            cut = cut_after(patch, steps)
            try:
                printed.add(next_order_key(state).public)
                rotate_order_key(state)
            except CutError:
                pass
            was_cut = cut()
        found = order_key(state).public
        assert found in printed, "nobody signs with a key whose entry was not to be had"
        seen.add(found != own.public)
        assert next_order_key(state).public != found, "and the next one can follow"
        assert rotate_order_key(state).public == order_key(state).public != found
        if not was_cut:
            break
    assert steps > 5
    assert seen == {False, True}


def test_a_next_key_that_cannot_be_read_takes_nobodys_place(tmp_path: Path) -> None:
    own = order_key(tmp_path)
    (tmp_path / NEXT_FILE).write_text("nonsense")
    (tmp_path / NEXT_FILE).chmod(0o600)
    with pytest.raises(KeyFileError):
        rotate_order_key(tmp_path)
    assert order_key(tmp_path).public == own.public


def test_a_key_that_cannot_be_read_costs_no_lockdown(tmp_path: Path) -> None:
    assert order_key(tmp_path).public == order_key(tmp_path).public
    (tmp_path / KEY_FILE).chmod(0o644)
    assert order_key(tmp_path).public != order_key(tmp_path).public
