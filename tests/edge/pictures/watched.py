"""The house of `tests.edge.house` with drawn cameras at its doors."""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from controller.events_pictures import PictureId, PictureKind
from edge import app
from edge.assembly import Edge, Outside, assembled
from edge.config import Config
from edge.pictures import beside
from edge.pictures.frame import Frame
from edge.pictures.index import PictureIndex
from edge.pictures.keeper import PictureKeeper
from edge.pictures.key import picture_key
from edge.pictures.store import PictureStore
from policies.compiled import Pictures
from tests.edge.checks import ready
from tests.edge.house import House, running
from tests.edge.pictures.drawn import DrawnCamera


class Watched:
    """A running edge, its cameras, and what it has at rest."""

    def __init__(self, house: House, edge: Edge, cameras: Mapping[str, DrawnCamera]) -> None:
        self.house, self.edge, self.cameras = house, edge, cameras
        self.free_bytes = 1 << 40

    @property
    def keeper(self) -> PictureKeeper:
        run = self.edge.alongside["pictures"]
        keeper = getattr(run, "__self__", None)
        assert isinstance(keeper, PictureKeeper)
        return keeper

    @property
    def store(self) -> PictureStore:
        return self.keeper._store

    def frames(self, picture: PictureId) -> list[Frame]:
        with self.store.opened(picture) as opened:
            return list(opened.frames())


@asynccontextmanager
async def watched(
    house: House,
    monkeypatch: pytest.MonkeyPatch,
    cameras: Sequence[DrawnCamera],
    word: Pictures = Pictures.DECISIONS,
    days: Mapping[PictureKind, int] | None = None,
) -> AsyncIterator[Watched]:
    """The edge with these cameras, under a policy with this word at every portal."""
    by_name = {camera.name: camera for camera in cameras}
    policy = house.folder / "policy.toml"
    text = re.sub(r'pictures = ".*"\n', "", policy.read_text())
    policy.write_text(text.replace('kind = "door"\n', f'kind = "door"\npictures = "{word}"\n'))

    async def with_cameras(config: Config, outside: Outside) -> Edge:
        outside.pictures.close()
        at_rest = beside.open_at_rest(config, cameras=True)
        closing.append(at_rest)
        if days is not None:
            config = replace(config, picture_days=days)
        return await assembled(config, outside._replace(cameras=by_name, pictures=at_rest))

    closing: list[beside.AtRest] = []
    with monkeypatch.context() as patch:
        patch.setattr(app, "assembled", with_cameras)
        try:
            async with house.line(), running(house) as edge:
                one = Watched(house, edge, by_name)
                one.keeper._free_bytes = lambda: one.free_bytes
                await ready(edge)
                yield one
        finally:
            for at_rest in closing:
                at_rest.close()


@asynccontextmanager
async def at_rest(house: House) -> AsyncIterator[PictureStore]:
    """What lies there while no edge runs."""
    state = house.folder / "state"
    with PictureIndex.open(state) as index:
        yield PictureStore(index, picture_key(state, None), "house", "gate")
