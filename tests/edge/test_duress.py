"""Duress notes: who can open them, who cannot tell them apart, and the commands around them."""

import base64
import json
import tomllib
from collections.abc import Callable, Sequence
from datetime import UTC
from pathlib import Path
from typing import get_type_hints

import msgspec
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from central.archive import Archived
from central.findings import EntriesStored
from central.printer import lines
from controller.body import NOTE_CHARS, Body, Entry, Header, Note
from controller.events import (
    KINDS,
    AnswerIgnored,
    AttemptAbandoned,
    Event,
    FactorAnswered,
    decode_entry,
    encode,
    kind_of,
)
from controller.ids import AttemptId, HolderId, ReaderId
from edge.commands.duress import TOLD, duress
from edge.config import ConfigError
from edge.duress import (
    RECIPIENTS_MAX,
    NotOpenedError,
    Occasion,
    Sealer,
    opened,
    recipient,
    recipient_text,
)
from edge.duress_keys import load_duress_key
from edge.failed import FAILED
from edge.present import as_json, line
from edge.signatures import public_text
from tests.edge.house import House
from tests.golden.examples import EXAMPLES, example

OCCASION = Occasion(
    "testonia", ReaderId("vault-in"), HolderId("a" * 16), AttemptId("e" * 16), 1_795_212_000_000_000
)
KEYS = [X25519PrivateKey.generate() for _ in range(RECIPIENTS_MAX)]


def public(key: X25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def sealer(keys: Sequence[X25519PrivateKey]) -> Sealer:
    return Sealer([public(key) for key in keys])


# --- notes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", range(RECIPIENTS_MAX + 1))
def test_each_recipient_is_told_and_nobody_else(count: int) -> None:
    told = sealer(KEYS[:count]).note(OCCASION, under_duress=True)
    calm = sealer(KEYS[:count]).note(OCCASION, under_duress=False)
    for key in KEYS[:count]:
        assert opened(told, key) == OCCASION
        assert opened(calm, key) is None
    for key in (*KEYS[count:], X25519PrivateKey.generate()):
        for note in (told, calm):
            with pytest.raises(NotOpenedError):
                opened(note, key)


NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=64)


@given(NAMES, NAMES, st.integers(0, 2**53 - 1), st.integers(0, RECIPIENTS_MAX), st.booleans())
def test_a_note_is_of_one_size_whatever_it_says_and_to_whom(
    site: str, reader: str, utc_us: int, recipients: int, under_duress: bool
) -> None:
    occasion = msgspec.structs.replace(OCCASION, site=site, reader=ReaderId(reader), utc_us=utc_us)
    note = sealer(KEYS[:recipients]).note(occasion, under_duress=under_duress)
    assert len(note) == NOTE_CHARS
    if recipients:
        assert opened(note, KEYS[0]) == (occasion if under_duress else None)


def test_no_part_of_a_note_ever_comes_again() -> None:
    """Neither in the next note nor beside it: what repeats could be told from what does not."""
    made = sealer(KEYS[:2])
    seen: set[bytes] = set()
    for number in range(100):
        note = base64.b64decode(made.note(OCCASION, under_duress=number % 2 == 0))
        seen.update(note[start : start + 16] for start in range(0, len(note), 16))
    assert len(seen) == 100 * len(note) // 16


def test_whoever_has_no_key_sees_noise() -> None:
    """Every value of a byte comes as often as any other, in one kind of note as in the other."""
    made = sealer(KEYS[:1])
    for under_duress in (True, False):
        notes = (made.note(OCCASION, under_duress=under_duress) for _ in range(300))
        data = b"".join(base64.b64decode(note) for note in notes)
        usual = len(data) / 256
        assert all(abs(data.count(value) - usual) < 8 * usual**0.5 for value in range(256))


def test_parts_that_nobody_opens_look_like_the_others() -> None:
    """Otherwise a note would show how many are told. Each part begins with a key on the curve."""
    note = base64.b64decode(sealer(KEYS[:1]).note(OCCASION, under_duress=True))
    parts = len(note) // RECIPIENTS_MAX
    for start in range(0, len(note), parts):
        assert recipient(recipient_text(note[start : start + 32])) == note[start : start + 32]
        assert note[start + 31] < 0x80


@pytest.mark.parametrize("place", [0, 40, 251, 252, 1000])
def test_a_note_that_was_changed_is_not_believed(place: int) -> None:
    note = bytearray(base64.b64decode(sealer(KEYS[:1]).note(OCCASION, under_duress=True)))
    note[place] ^= 1
    changed = base64.b64encode(note).decode()
    if place < len(note) // RECIPIENTS_MAX:
        with pytest.raises(NotOpenedError):
            opened(changed, KEYS[0])
    else:
        assert opened(changed, KEYS[0]) == OCCASION, "the parts of others are theirs"


@pytest.mark.parametrize(
    "note", ["", "A", "A" * (NOTE_CHARS - 4), "!" * NOTE_CHARS, "é" * NOTE_CHARS]
)
def test_what_is_no_note_is_not_opened(note: str) -> None:
    with pytest.raises(NotOpenedError):
        opened(note, KEYS[0])


# --- the site file ----------------------------------------------------------------------------


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.chdir(tmp_path)
    return House(tmp_path)


def name(house: House, *recipients: str) -> None:
    with (house.folder / "site.toml").open("a") as file:
        file.write(f"\n[duress]\nrecipients = {json.dumps(recipients)}\n")


def test_a_site_names_four_recipients_or_fewer_and_needs_none(house: House) -> None:
    assert house.config().recipients == ()
    name(house, *(recipient_text(public(key)) for key in KEYS))
    assert house.config().recipients == tuple(public(key) for key in KEYS)


GOOD = recipient_text(public(KEYS[0]))


@pytest.mark.parametrize(
    ("recipients", "mistake"),
    [
        ([], "recipients"),
        ([recipient_text(public(X25519PrivateKey.generate())) for _ in range(5)], "places for 4"),
        ([GOOD, GOOD], "stands there twice"),
        ([public_text(bytes(range(32)))], "does not begin with x25519:"),
        (["x25519:not base64"], "is not base64"),
        (["x25519:" + "A" * 40], "has 30 bytes"),
        (["x25519:" + "A" * 43 + "="], "anybody could open"),
    ],
)
def test_what_cannot_be_told_is_a_mistake_in_the_site_file(
    house: House, recipients: list[str], mistake: str
) -> None:
    name(house, *recipients)
    with pytest.raises(ConfigError) as refused:
        house.config()
    (problem,) = refused.value.problems
    assert mistake in str(problem)


# --- sentrypost duress new --------------------------------------------------------------------


def run(*arguments: str | Path, typed: str | bytes = "") -> Result:
    return CliRunner().invoke(duress, [str(one) for one in arguments], input=typed)


def test_what_is_printed_is_what_the_site_file_takes(house: House) -> None:
    made = run("new", "watch-room")
    assert made.exit_code == 0, made.output
    with (house.folder / "site.toml").open("a") as file:
        file.write("\n" + made.stdout)
    assert (house.folder / "watch-room.key").stat().st_mode & 0o777 == 0o600
    key = load_duress_key(Path("watch-room.key"), str)
    assert house.config().recipients == (public(key),)


def test_the_private_half_is_never_printed_and_can_be_closed(house: House) -> None:
    made = run("new", "watch-room", "--passphrase", typed="secret\nsecret\n")
    assert made.exit_code == 0, made.output
    pem = (house.folder / "watch-room.key").read_text()
    assert "ENCRYPTED" in pem
    assert not any(row in made.output for row in pem.splitlines()[1:-1])
    assert "secret" not in made.output
    (text,) = tomllib.loads(made.stdout)["duress"]["recipients"]
    assert recipient(text) == public(load_duress_key(Path("watch-room.key"), lambda: "secret"))


def test_a_key_is_never_written_over(house: House) -> None:
    run("new", "watch-room")
    before = (house.folder / "watch-room.key").read_bytes()
    for arguments in (["watch-room"], ["../elsewhere"]):
        assert run("new", *arguments).exit_code == FAILED
    assert (house.folder / "watch-room.key").read_bytes() == before


# --- sentrypost duress open -------------------------------------------------------------------


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> X25519PrivateKey:
    monkeypatch.chdir(tmp_path)
    run("new", "watch-room")
    return load_duress_key(Path("watch-room.key"), str)


def entry(body: Body, seq: int = 42) -> Entry:
    event = example(kind_of(type(body)))
    header = msgspec.structs.replace(event.header, seq=seq)
    return decode_entry(encode(Event(header=Header(**msgspec.structs.asdict(header)), body=body)))


def answered(note: str, seq: int = 42, kind: str = "factor-answered") -> Entry:
    return entry(msgspec.structs.replace(EXAMPLES[kind], note=note), seq)


def of_edge(*entries: Entry) -> bytes:
    """As `sentrypost journal show --json` and `watch --json` print them."""
    return b"".join(as_json(one, ()) + b"\n" for one in entries)


def of_central(*entries: Entry) -> bytes:
    """As `sentrypost central run --json` prints them, with a finding in between."""
    notice = b'{"finding":"edge-alive","site":"testonia","edge":"gate","text":"version 1"}\n'
    rows = lines(stored(*entries), as_json=True)
    return notice + "".join(f"{row}\n" for row in rows).encode()


def stored(*entries: Entry) -> EntriesStored:
    new = tuple(Archived(entry=one, data=msgspec.json.encode(one)) for one in entries)
    return EntriesStored(site="testonia", edge="gate", new=new, unproven=0)


NOTED = [
    kind
    for kind, body in KINDS.items()
    if get_type_hints(body, include_extras=True).get("note") == Note
]
"""Every kind of entry in which a note stands."""


@pytest.mark.parametrize("printed", [of_edge, of_central])
@pytest.mark.parametrize("kind", NOTED)
def test_a_call_is_shown_with_time_person_and_reader(
    key: X25519PrivateKey, printed: Callable[..., bytes], kind: str
) -> None:
    made = sealer([key])
    data = printed(
        answered(made.note(OCCASION, under_duress=False), 41),
        answered(made.note(OCCASION, under_duress=True), 42, kind),
        entry(EXAMPLES["attempt-abandoned"], 43),
    )
    shown = run("open", "--key", "watch-room.key", typed=data)
    assert shown.exit_code == TOLD, shown.output
    assert shown.stdout == (
        "2026-11-20T22:00:00.000Z".replace("T", " ")
        + f" #42 DURESS holder {'a' * 16} at vault-in, site testonia, attempt {'e' * 16}\n"
    )
    assert shown.stderr == ""
    Path("lines").write_bytes(data)
    assert run("open", "lines", "--key", "watch-room.key").stdout == shown.stdout
    as_lines = run("open", "lines", "--key", "watch-room.key", "--json")
    assert as_lines.exit_code == TOLD
    assert json.loads(as_lines.stdout) == {
        "utc": "2026-11-20T22:00:00.000Z",
        "site": "testonia",
        "reader": "vault-in",
        "holder": "a" * 16,
        "attempt": "e" * 16,
        "seq": 42,
    }


def test_nobody_under_duress_is_nothing_said_and_zero(key: X25519PrivateKey) -> None:
    made = sealer([key])
    calm = of_edge(*(answered(made.note(OCCASION, under_duress=False), n) for n in range(1, 9)))
    old = of_edge(answered(""))
    for data in (calm, old, b"", calm + old):
        shown = run("open", "--key", "watch-room.key", typed=data)
        assert (shown.exit_code, shown.output) == (0, "")


def test_the_wrong_key_is_no_all_clear(key: X25519PrivateKey) -> None:
    """A key that opens nothing must not look like a day on which nothing happened."""
    others = sealer(KEYS).note(OCCASION, under_duress=True)
    shown = run("open", "--key", "watch-room.key", typed=of_edge(answered(others)))
    assert shown.exit_code == FAILED
    assert "none of 1 notes is for this key" in shown.stderr
    own = sealer([key]).note(OCCASION, under_duress=False)
    mixed = run("open", "--key", "watch-room.key", typed=of_edge(answered(others), answered(own)))
    assert mixed.exit_code == 0
    assert "1 notes were not for this key" in mixed.stderr


def test_a_line_that_is_no_entry_ends_nothing_and_is_no_all_clear(key: X25519PrivateKey) -> None:
    told = of_edge(answered(sealer([key]).note(OCCASION, under_duress=True)))
    rubbish = b'-- 3 lines were not shown: nobody read them\n\xff\n[]\n{"kind":1}\n'
    shown = run("open", "--key", "watch-room.key", typed=rubbish + told)
    assert shown.exit_code == TOLD
    assert shown.stdout.count("DURESS") == 1
    assert shown.stderr.count("is no entry and was left out") == 4
    without = run("open", "--key", "watch-room.key", typed=rubbish)
    assert without.exit_code == FAILED
    assert not without.stdout


def test_what_a_note_says_is_shown_without_control_characters(key: X25519PrivateKey) -> None:
    """Whoever knows a public key can seal anything to it."""
    foreign = msgspec.structs.replace(OCCASION, reader=ReaderId("\x1b[2Jgate"))
    data = of_edge(answered(sealer([key]).note(foreign, under_duress=True)))
    assert "\x1b" not in run("open", "--key", "watch-room.key", typed=data).stdout


def test_a_key_that_cannot_be_used_is_said(key: X25519PrivateKey, tmp_path: Path) -> None:
    (tmp_path / "open.key").write_bytes((tmp_path / "watch-room.key").read_bytes())
    (tmp_path / "open.key").chmod(0o644)
    for file in ("none.key", "open.key"):
        shown = run("open", "--key", file, typed="")
        assert shown.exit_code == FAILED


# --- what others see --------------------------------------------------------------------------


@pytest.mark.parametrize("body", [FactorAnswered, AnswerIgnored])
def test_no_line_for_people_shows_a_note(body: type[Body]) -> None:
    one = entry(EXAMPLES[kind_of(body)])
    note = EXAMPLES[kind_of(body)].note
    assert note in bytes(one.body).decode()
    (archived,) = lines(stored(one), as_json=False)
    for shown in (line(one, (), UTC).text, archived):
        assert note[:8] not in shown
        assert "note" not in shown


def test_an_abandoned_attempt_has_no_place_for_a_note() -> None:
    """What was not checked is known to nobody: nothing could be told."""
    assert "note" not in AttemptAbandoned.__struct_fields__
