"""Templates at rest: sealed for their owner alone, gone when erased, whole after any cut."""

import os
import pickle
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from controller.ids import HolderId
from drivers.faces.api import TEMPLATE_BYTES
from edge.faces import (
    FacesDamagedError,
    FacesForeignError,
    FacesInUseError,
    FacesMissingError,
    Keys,
    Place,
    SealError,
    Shelf,
    TemplateFile,
    TemplateKey,
    TemplateKeyError,
    TemplateUnsoundError,
    load_template_key,
)
from edge.faces.sealing import Belongs
from tests.edge.faces.made import (
    ANN,
    BOB,
    EDGE,
    KEY,
    MODEL,
    NOW_S,
    OTHER,
    SITE,
    enrolled,
    opened,
    template,
)

TO = Belongs("template", SITE, EDGE, ANN, 1, MODEL)


def change(file: Path, statement: str, *values: object) -> None:
    """Somebody who may write the file, and does."""
    with sqlite3.connect(file) as connection:
        connection.execute(statement, values)
    connection.close()


def column(file: Path, name: str, holder: str = ANN) -> bytes:
    with sqlite3.connect(file) as connection:
        ((value,),) = connection.execute(f"SELECT {name} FROM template WHERE holder = ?", [holder])
    connection.close()
    assert isinstance(value, bytes)
    return value


# --- sealing ------------------------------------------------------------------------------------


def test_it_is_xchacha20_poly1305_and_no_other() -> None:
    """draft-irtf-cfrg-xchacha-03, A.3.1: the vector, through the library that is used."""
    from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt as encrypt

    key = bytes(range(0x80, 0xA0))
    nonce = bytes(range(0x40, 0x58))
    associated = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
    plain = (
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
        b"future, sunscreen would be it."
    )
    sealed = encrypt(plain, associated, nonce, key)
    assert sealed[:16].hex() == "bd6d179d3e83d43b9576579493c0e939"
    assert sealed[-16:].hex() == "c0875924c1c7987947deafd8780acf49"


@pytest.mark.parametrize(
    "other",
    [
        TO._replace(what="portrait"),
        TO._replace(site="elsewhere"),
        TO._replace(edge="annex"),
        TO._replace(holder=BOB),
        TO._replace(version=2),
        TO._replace(model="model-2"),
        TO._replace(site=f"{SITE}{EDGE[0]}", edge=EDGE[1:]),
    ],
)
def test_sealed_bytes_open_for_what_they_belong_to_and_nothing_else(other: Belongs) -> None:
    sealed = KEY.seal(b"secret", TO, os.urandom)
    assert KEY.open(sealed, TO) == b"secret"
    with pytest.raises(SealError):
        KEY.open(sealed, other)
    with pytest.raises(SealError):
        OTHER.open(sealed, TO)


def test_no_flipped_bit_opens() -> None:
    sealed = KEY.seal(b"secret", TO, os.urandom)
    for at in range(len(sealed)):
        flipped = bytearray(sealed)
        flipped[at] ^= 1 << at % 8
        with pytest.raises(SealError):
            KEY.open(bytes(flipped), TO)
    for short in (b"", sealed[:39], sealed[:-1]):
        with pytest.raises(SealError):
            KEY.open(short, TO)


def test_a_key_gives_nothing_away() -> None:
    key = b"k" * 32
    assert "kkk" not in repr(KEY)
    assert key.hex()[:16] not in repr(KEY)
    with pytest.raises(TypeError):
        pickle.dumps(KEY)
    assert TemplateKey(key).id == KEY.id != OTHER.id


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (b"k" * 31, 0o600, "exactly 32 random bytes"),
        (b"k" * 33, 0o600, "exactly 32 random bytes"),
        (bytes(32), 0o600, "exactly 32 random bytes"),
        (b"k" * 32, 0o644, "chmod 600"),
        (None, 0o600, "make one with"),
    ],
)
def test_a_key_file_that_is_wrong_is_refused_with_its_remedy(
    tmp_path: Path, content: bytes | None, mode: int, said: str
) -> None:
    file = tmp_path / "template key"
    if content is not None:
        file.write_bytes(content)
        file.chmod(mode)
    with pytest.raises(TemplateKeyError, match=said) as caught:
        load_template_key(file)
    assert "kkk" not in str(caught.value)


def test_the_right_file_is_the_key(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"k" * 32)
    file.chmod(0o600)
    assert load_template_key(file).id == KEY.id


def test_edge_and_templates_are_imported_without_what_cameras_need() -> None:
    hidden = "('nacl', 'numpy', 'cv2', 'dlib', 'face_recognition')"
    code = (
        "import sys\n"
        f"for name in {hidden}: sys.modules[name] = None\n"
        "import edge.faces, edge.app\n"
        "from edge.faces.sealing import Belongs\n"
        "try:\n"
        "    to = Belongs('t', 's', 'e', 'h', 1, 'm')\n"
        "    edge.faces.TemplateKey(b'k' * 32).open(bytes(50), to)\n"
        "except edge.faces.TemplateKeyError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert "pip install 'sentrypost[biometrics]'" in done.stdout


# --- on the disk --------------------------------------------------------------------------------


def test_what_is_on_file_is_told_and_no_byte_of_a_face_is(tmp_path: Path) -> None:
    face, picture = template(1), b"\xff\xd8\xff" + bytes(range(200))
    with opened(tmp_path) as templates:
        templates.stage(ANN, face, 4, NOW_S, picture)
        assert templates.settle({ANN: 1}, 1).missing == ()
        (row,) = templates.all()
        assert (row.holder, row.version, row.in_force, row.model) == (ANN, 1, True, MODEL)
        assert (row.views, row.made_s, row.key, row.portrait) == (4, NOW_S, KEY.id, True)
        assert templates.template(ANN, 1) == face
        assert templates.portrait(ANN, 1) == picture
    stored = (tmp_path / "faces.db").read_bytes()
    assert len(face.mean) == TEMPLATE_BYTES
    for at in range(0, TEMPLATE_BYTES, 4):
        assert stored.count(face.mean[at : at + 4]) == 0, "four bytes in a row are no accident"
    assert b"\xff\xd8\xff" not in stored
    assert (tmp_path / "faces.db").stat().st_mode & 0o777 == 0o600


def swapped(file: Path) -> None:
    ann, bob = column(file, "sealed", ANN), column(file, "sealed", BOB)
    change(file, "UPDATE template SET sealed = ? WHERE holder = ?", bob, ANN)
    change(file, "UPDATE template SET sealed = ? WHERE holder = ?", ann, BOB)


def flipped(file: Path) -> None:
    sealed = bytearray(column(file, "sealed"))
    sealed[100] ^= 1
    change(file, "UPDATE template SET sealed = ? WHERE holder = ?", bytes(sealed), ANN)


def another_model(file: Path) -> None:
    change(file, "UPDATE template SET model = 'model-2' WHERE holder = ?", ANN)


def another_version(file: Path) -> None:
    change(file, "UPDATE template SET version = 3 WHERE holder = ?", ANN)


def gone(file: Path) -> None:
    change(file, "DELETE FROM template WHERE holder = ?", ANN)


@pytest.mark.parametrize(
    ("deed", "version", "said"),
    [
        (swapped, 1, "do not open"),
        (flipped, 1, "do not open"),
        (another_model, 1, "do not open"),
        (another_version, 3, "do not open"),
        (gone, 1, "the file of templates has not"),
    ],
)
def test_whatever_was_put_in_a_templates_place_is_not_used(
    tmp_path: Path, deed: Callable[[Path], None], version: int, said: str
) -> None:
    enrolled(tmp_path, ANN, template(1))
    file = enrolled(tmp_path, BOB, template(2, version=2))
    deed(file)
    with opened(tmp_path) as templates:
        with pytest.raises(TemplateUnsoundError, match=said) as caught:
            templates.template(ANN, version)
        assert "enrol the person anew" in str(caught.value)


def test_another_key_opens_nothing_and_says_which_one_does(tmp_path: Path) -> None:
    enrolled(tmp_path, ANN, template(1))
    with opened(tmp_path, OTHER) as templates:
        with pytest.raises(TemplateUnsoundError, match=f"key {KEY.id}.*former-template-key"):
            templates.template(ANN, 1)
        assert templates.all(), "and nothing is lost"
    with opened(tmp_path) as templates:
        assert templates.template(ANN, 1) == template(1)


@pytest.mark.parametrize(("site", "edge"), [("elsewhere", EDGE), (SITE, "annex")])
def test_the_file_of_another_site_is_refused_and_left_alone(
    tmp_path: Path, site: str, edge: str
) -> None:
    stored = enrolled(tmp_path, ANN, template(1)).read_bytes()
    with pytest.raises(FacesForeignError, match=f"'{EDGE}' of site '{SITE}'.*move the file back"):
        opened(tmp_path, site=site, edge=edge)
    assert (tmp_path / "faces.db").read_bytes() == stored


def test_rows_of_another_sites_file_do_not_open(tmp_path: Path) -> None:
    for name, site in (("here", SITE), ("there", "elsewhere")):
        folder = tmp_path / name
        folder.mkdir()
        with opened(folder, site=site) as templates:
            templates.stage(ANN, template(len(name)), 4, NOW_S)
            templates.settle({ANN: 1}, 1)
    taken = column(tmp_path / "there" / "faces.db", "sealed")
    change(tmp_path / "here" / "faces.db", "UPDATE template SET sealed = ?", taken)
    with opened(tmp_path / "here") as templates, pytest.raises(TemplateUnsoundError):
        templates.template(ANN, 1)


def test_a_file_in_use_open_to_others_or_missing_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "faces.db"
    with pytest.raises(FacesMissingError, match="sentrypost face enrol"):
        TemplateFile.open(file, SITE, EDGE)
    enrolled(tmp_path, ANN, template(1))
    with opened(tmp_path), pytest.raises(FacesInUseError, match="ask the running edge"):
        opened(tmp_path)
    file.chmod(0o640)
    with pytest.raises(FacesForeignError, match="chmod 600"):
        opened(tmp_path)
    file.unlink()
    file.mkdir()
    with pytest.raises(FacesForeignError, match="not a regular file"):
        opened(tmp_path)


def test_what_is_made_belongs_to_whom_the_state_folder_belongs(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(tmp_path, 65534, 65534)
    owner = tmp_path.stat().st_uid
    with closing(Shelf(Place(tmp_path, SITE, EDGE))) as shelf:
        done = shelf.stage(ANN, template(1), 4, NOW_S, 0, alike_within=0.5, despite_alike=False)
        assert done.version == 1
    made = {file.name: file.stat().st_uid for file in tmp_path.iterdir()}
    assert made == dict.fromkeys(("faces.db", "faces.db.lock", "template.key"), owner)


@pytest.mark.parametrize("at", [0, 20, 60])
def test_a_damaged_file_is_refused_and_not_written_to(tmp_path: Path, at: int) -> None:
    file = enrolled(tmp_path, ANN, template(1))
    damaged = bytearray(file.read_bytes())
    damaged[at : at + 40] = b"\xa5" * 40
    file.write_bytes(damaged)
    with pytest.raises((FacesDamagedError, FacesForeignError)):
        opened(tmp_path)
    assert file.read_bytes() == damaged


def test_another_program_s_database_is_not_written_to(tmp_path: Path) -> None:
    file = tmp_path / "faces.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    file.chmod(0o600)
    stored = file.read_bytes()
    with pytest.raises(FacesForeignError, match="not a file of templates"):
        opened(tmp_path)
    assert file.read_bytes() == stored


# --- settling with the journal ------------------------------------------------------------------


def test_what_is_erased_is_gone_from_the_bytes_of_the_file(tmp_path: Path) -> None:
    """So many people that pages of the file were divided, which leaves copies of rows behind."""
    holders = [HolderId(f"{number * 7919 % 65_536:016x}") for number in range(1, 81)]
    faces = {holder: number for number, holder in enumerate(holders, 1)}
    file = tmp_path / "faces.db"
    with opened(tmp_path) as templates:
        for holder, version in faces.items():
            templates.stage(holder, template(version, version=version), 4, NOW_S)
        templates.settle(faces, len(faces))
    erased, kept = holders[:-1], holders[-1]
    sealed = b"".join(column(file, "sealed", holder) for holder in erased)
    parts = [sealed[at : at + 24] for at in range(0, len(sealed) - 24, 24)]
    assert all(part in file.read_bytes() for part in parts[:20])
    with opened(tmp_path) as templates:
        assert templates.settle({kept: len(faces)}, len(faces)).erased == len(erased)
    stored = file.read_bytes()
    assert not any(part in stored for part in parts)
    assert not any(holder.encode() in stored for holder in erased)
    with opened(tmp_path) as templates:
        assert templates.template(kept, 80) == template(80, version=80)


def test_a_new_template_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    enrolled(tmp_path, ANN, template(1))
    with opened(tmp_path) as templates:
        version = templates.next_version(1)
        assert version == 2
        templates.stage(ANN, template(2, version=2), 4, NOW_S)
        assert templates.template(ANN, 1) == template(1), "until the journal has the new one"
        with pytest.raises(TemplateUnsoundError):
            templates.template(ANN, 2)
        assert templates.settle({ANN: 2}, 2).erased == 1
        assert templates.template(ANN, 2) == template(2, version=2)
        assert [row.version for row in templates.all()] == [2]


def test_a_template_whose_entry_never_came_goes(tmp_path: Path) -> None:
    enrolled(tmp_path, ANN, template(1))
    with opened(tmp_path) as templates:
        templates.stage(ANN, template(2, version=2), 4, NOW_S)
    with opened(tmp_path) as templates:
        assert templates.settle({ANN: 1}, 1).erased == 1
        assert templates.template(ANN, 1) == template(1)


def test_templates_of_a_journal_that_is_not_here_are_kept_and_not_used(tmp_path: Path) -> None:
    """The state folder's journal was lost, or is an old copy: nothing is thrown away for that."""
    enrolled(tmp_path, ANN, template(1, version=5))
    with opened(tmp_path) as templates:
        settled = templates.settle({}, 0)
        assert (settled.erased, settled.unknown) == (0, 1)
        assert templates.next_version(0) == 6
        assert templates.settle({ANN: 5}, 5).unknown == 0, "the journal is back"
        assert templates.template(ANN, 5) == template(1, version=5)


def test_a_template_that_the_file_lacks_is_told(tmp_path: Path) -> None:
    with opened(tmp_path) as templates:
        assert templates.settle({ANN: 1}, 1).missing == (ANN,)


def test_a_copy_of_the_file_from_before_an_erasure_gives_nothing_back(tmp_path: Path) -> None:
    file = enrolled(tmp_path, ANN, template(1))
    shutil.copy(file, tmp_path / "copy")
    with opened(tmp_path) as templates:
        templates.settle({}, 1)
    shutil.copy(tmp_path / "copy", file)
    with opened(tmp_path) as templates:
        assert templates.settle({}, 1).erased == 1, "the journal says that it is erased"
        assert templates.all() == ()


# --- keys ---------------------------------------------------------------------------------------


def test_another_key_is_brought_in_row_by_row_and_a_cut_loses_nobody(tmp_path: Path) -> None:
    people = {ANN: 1, BOB: 2}
    enrolled(tmp_path, ANN, template(1))
    enrolled(tmp_path, BOB, template(2, version=2))
    both = Keys(OTHER, KEY)
    with opened(tmp_path, both) as templates:
        assert templates.to_reseal() == 2
        assert next(templates.reseal()) == ANN  # and there the power goes
    with opened(tmp_path, both) as templates:
        assert {row.holder: row.key for row in templates.all()} == {ANN: OTHER.id, BOB: KEY.id}
        for holder, version in people.items():
            assert templates.template(holder, version).version == version
        assert list(templates.reseal()) == [BOB]
        assert templates.to_reseal() == 0
    with opened(tmp_path, OTHER) as templates:
        assert templates.template(ANN, 1) == template(1)
    with opened(tmp_path, KEY) as templates, pytest.raises(TemplateUnsoundError):
        templates.template(ANN, 1)


def test_what_does_not_open_stays_under_the_former_key(tmp_path: Path) -> None:
    file = enrolled(tmp_path, ANN, template(1))
    flipped(file)
    with opened(tmp_path, Keys(OTHER, KEY)) as templates:
        assert list(templates.reseal()) == []
        assert templates.all()[0].key == KEY.id


# --- look-alikes --------------------------------------------------------------------------------


def test_whoever_is_too_near_is_found_and_nobody_else(tmp_path: Path) -> None:
    enrolled(tmp_path, ANN, template(1))
    enrolled(tmp_path, BOB, template(1, version=2, moved=0.3))
    far = "00000000000000cc"
    enrolled(tmp_path, far, template(3, version=3))  # type: ignore[arg-type]
    with opened(tmp_path) as templates:
        alike = templates.alike(template(1, version=9), ANN, 0.35)
        assert (alike.compared, alike.holders, alike.unsound) == (2, (BOB,), 0)
        assert templates.alike(template(1, version=9), ANN, 0.25).holders == ()
        other_model = template(1, version=9, model="model-2")
        assert templates.alike(other_model, ANN, 0.35).compared == 0
    flipped(tmp_path / "faces.db")
    with opened(tmp_path) as templates:
        assert templates.alike(template(1, version=9), BOB, 0.35).unsound == 1
