"""A file of an edge's own: its lock goes with it; what is written together is there together."""

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from central.operator_store import OperatorsError, OperatorStore
from edge import own_database
from edge.faces.file import FacesForeignError, FacesInUseError
from edge.faces.store import TemplateFile
from edge.people import People
from edge.people.file import PeopleForeignError, PeopleInUseError
from edge.pictures.errors import PicturesError
from edge.pictures.index import PictureIndex
from edge.signins.records import Screen
from edge.signins.store import SignInsError, SignInStore
from edge.sqlite_library import Database
from tests.descriptors import descriptors

Opening = Callable[[Path], object]

STORES: dict[str, tuple[Opening, type[Exception], type[Exception]]] = {
    "site.db": (
        lambda at: People.open(at / "site.db", create=True),
        PeopleInUseError,
        PeopleForeignError,
    ),
    "faces.db": (
        lambda at: TemplateFile.open(at / "faces.db", "house", "gate", create=True),
        FacesInUseError,
        FacesForeignError,
    ),
    "pictures.db": (PictureIndex.open, PicturesError, PicturesError),
    "signins.db": (SignInStore.open, SignInsError, SignInsError),
    "operators.db": (OperatorStore.open, OperatorsError, OperatorsError),
}


@pytest.mark.parametrize("name", STORES)
def test_one_owner_at_a_time_who_leaves_nothing_open(tmp_path: Path, name: str) -> None:
    opening, in_use, _ = STORES[name]
    before = descriptors()
    for _ in range(2):
        store = opening(tmp_path)
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
        held = descriptors()
        with pytest.raises(in_use, match="another process"):
            opening(tmp_path)
        assert not descriptors() - held
        store.close()  # type: ignore[attr-defined]
        store.close()  # type: ignore[attr-defined]
        assert not descriptors() - before


@pytest.mark.parametrize("name", STORES)
def test_a_file_that_is_not_ours_is_let_go_of(tmp_path: Path, name: str) -> None:
    opening, _, foreign = STORES[name]
    opening(tmp_path).close()  # type: ignore[attr-defined]
    (tmp_path / name).chmod(0o644)
    before = descriptors()
    with pytest.raises(foreign, match="chmod 600"):
        opening(tmp_path)
    (tmp_path / name).unlink()
    with sqlite3.connect(tmp_path / name) as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    (tmp_path / name).chmod(0o600)
    with pytest.raises(foreign, match="not a file of"):
        opening(tmp_path)
    assert not descriptors() - before
    (tmp_path / name).unlink()
    opening(tmp_path).close()  # type: ignore[attr-defined]


def test_where_it_cannot_be_made_ready_file_and_lock_are_let_go_of(tmp_path: Path) -> None:
    before = descriptors()
    path = tmp_path / "own.db"

    def refuse(_: Database) -> None:
        raise KeyError("not ready")

    held = own_database.lock(path, in_use=SignInsError)
    looking = partial(own_database.look, path, foreign=SignInsError, create=True)
    with pytest.raises(KeyError):
        own_database.owned(path, held, looking, refuse)
    assert not descriptors() - before


def test_what_is_put_together_is_there_together_or_not_at_all(tmp_path: Path) -> None:
    """sqlite-utils commits each statement for itself unless it is told otherwise."""
    store = SignInStore.open(tmp_path)
    good = Screen(terminal="gate-house", hash=bytes(32), made_us=1)
    with pytest.raises(SignInsError):
        store.put(good, replace(good, terminal="chief", hash=b"short"))
    assert store.kept().screens == ()
    store.put(good)
    assert store.kept().screens == (good,)
    store.close()
