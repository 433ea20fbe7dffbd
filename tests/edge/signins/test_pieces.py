"""Limits, codes of authenticators, the file, and the site file's terminals, each by itself."""

import asyncio
import base64
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from controller.events_signins import How
from controller.ids import HolderId
from edge.config import ConfigError, load_config
from edge.people import PinCost, PinHasher, SiteKey
from edge.signins.badges import BADGE_US, TerminalBadges
from edge.signins.codes import drawn, hashed
from edge.signins.limits import COUNTERS_MAX, EVERYBODY, FORGOTTEN_US, Key, Limits, Of
from edge.signins.passwords import Passwords, matching_step
from edge.signins.records import CodeKind, OneTimeCode, Passkey, Password, Screen, Session
from edge.signins.schema import STEPS
from edge.signins.store import FILE, SignInsError, SignInStore
from tests.edge.house import SITE
from tests.edge.signins.gatehouse import SCREEN, Gatehouse

GOLDEN = Path(__file__).parents[2] / "golden" / "signins"
S = 1_000_000
ADA, BOB = Key(Of.PERSON, "ada"), Key(Of.PERSON, "bob")
GATE = Key(Of.TERMINAL, "ada")
SECRET = base64.b32encode(b"12345678901234567890").decode()
"""Of RFC 6238, appendix B."""


def test_pauses_double_up_to_a_quarter_of_an_hour_and_are_each_ones_own() -> None:
    limits, now, pauses = Limits(os.urandom), 0, []
    for _ in range(12):
        assert limits.wait_us([ADA], now) <= 0
        limits.count([ADA], now)
        pauses.append(max(0, limits.wait_us([ADA], now)) // S)
        now += pauses[-1] * S
    assert pauses == [0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900]
    assert limits.wait_us([BOB], now - 1) == 0
    assert limits.wait_us([GATE], now - 1) == 0, "a terminal of somebody's name is not he"
    assert limits.wait_us([BOB, ADA], now - 1) == 1
    limits.succeeded([ADA])
    assert limits.count([ADA], now) == 1


def test_a_try_counts_before_it_is_looked_at_and_not_where_it_could_not_be() -> None:
    limits = Limits(os.urandom)
    tries = [limits.count([ADA, EVERYBODY], 0) for _ in range(5)]
    assert tries == [1, 2, 3, 4, 5]
    limits.not_looked_at([ADA, EVERYBODY])
    assert limits.wait_us([ADA], 0) == 0
    assert limits.count([ADA], FORGOTTEN_US + 1) == 1, "an hour later none is remembered"


def test_nobody_keeps_everybody_out_for_longer_than_half_a_minute() -> None:
    limits, now, looked_at = Limits(os.urandom), 0, 0
    while now < 600 * S:
        if limits.wait_us([EVERYBODY], now) <= 0:
            limits.count([EVERYBODY], now)
            looked_at += 1
        assert limits.wait_us([EVERYBODY], now) <= 30 * S
        now += S // 10
    assert 200 < looked_at < 400, "thirty a minute, and the first sixty at once"


def test_pretended_names_fill_no_memory() -> None:
    limits = Limits(os.urandom)
    for number in range(COUNTERS_MAX + 500):
        limits.count([Key(Of.PERSON, f"{number}")], number)
    assert len(limits._counts) == COUNTERS_MAX


def test_which_names_of_nobody_share_a_pause_nobody_can_work_out() -> None:
    """Each time somebody else's: with a key of this run alone."""
    names = [f"somebody {number}" for number in range(200)]
    one, other = (Limits(os.urandom) for _ in range(2))
    assert [one.pretended(name) for name in names] == [one.pretended(name) for name in names]
    same = sum(one.pretended(name) == other.pretended(name) for name in names)
    assert same < 20, "of 200 some 0.05 by chance"


@pytest.mark.parametrize(
    ("utc_s", "code"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_of_authenticators_are_those_of_the_standard(utc_s: int, code: str) -> None:
    """RFC 6238, appendix B, its last six figures."""
    step = utc_s // 30
    assert matching_step(SECRET, code, utc_s, -1) == step
    assert matching_step(SECRET, f" {code[:3]} {code[3:]} ", utc_s, step - 1) == step
    assert matching_step(SECRET, code, utc_s, step) is None, "it counts once"
    assert matching_step(SECRET, code, utc_s + 30, -1) == step
    assert matching_step(SECRET, code, utc_s + 61, -1) is None
    for other in ("", "28708", "2870821", "abcdef", "٢٨٧٠٨٢", code[::-1]):
        assert matching_step(SECRET, other, utc_s, -1) is None or other == code


def test_a_secret_is_sealed_for_one_person_under_the_sites_key() -> None:
    asyncio.run(_sealed())


async def _sealed() -> None:
    cheap = PinHasher(PinCost(time_cost=1, memory_kib=8, lanes=1))
    mine, other = (
        Passwords(cheap, SiteKey(os.urandom(32)).cipher(b"test"), os.urandom) for _ in range(2)
    )
    made = mine.enrolled("a" * 16, "ada", "Sentrypost house")
    secret = made.uri.partition("secret=")[2].partition("&")[0]
    assert secret.encode() not in made.sealed
    kept = Password(holder=HolderId("a" * 16), hash="x", totp=made.sealed, step=-1)
    import pyotp

    code = pyotp.TOTP(secret).generate_otp(100)
    assert mine.step_of(kept, code, 3000) == 100
    assert mine.step_of(None, code, 3000) is None
    # What cannot be opened counts for nothing, the code of no secret least of all.
    known = pyotp.TOTP("A" * 32).generate_otp(100)
    stolen = Password(holder=HolderId("b" * 16), hash="x", totp=made.sealed, step=-1)
    for judge, record in ((other, kept), (mine, stolen)):
        assert judge.step_of(record, code, 3000) is None
        assert judge.step_of(record, known, 3000) is None
    mine.close()
    other.close()


def test_codes_are_bound_to_the_journal_and_read_as_they_are_meant() -> None:
    code = drawn(os.urandom)
    assert hashed(code, "i") == hashed(code.lower().replace("-", " "), "i")
    assert hashed(code.replace("0", "O").replace("1", "l"), "i") == hashed(code, "i")
    assert hashed(code, "i") != hashed(code, "j")
    assert len({drawn(os.urandom) for _ in range(100)}) == 100


def test_a_badge_waits_for_its_pin_for_a_moment() -> None:
    badges = TerminalBadges()
    badges.read("lodge", "ref", 1)  # type: ignore[arg-type]
    assert badges.waiting("lodge", 1) == ("ref", BADGE_US)
    assert badges.waiting("office", 1) is None
    assert badges.waiting("lodge", BADGE_US) == ("ref", 1)
    assert badges.waiting("lodge", BADGE_US + 1) is None


RECORDS = (
    Password(holder=HolderId("a" * 16), hash="$argon2id$x", totp=b"t", step=3),
    Passkey(
        id="1" * 16, holder=HolderId("a" * 16), label="blue", credential=b"c",
        count=2**32 - 1, made_us=1, used_us=2,
    ),
    OneTimeCode(hash=b"h" * 32, what=CodeKind.INVITATION, holder="a" * 16, until_us=9),
    Session(
        hash=b"s" * 32, id="2" * 16, holder=HolderId("a" * 16), how=How.LINK, terminal="",
        begun_us=1, seen_us=2, ends_us=3, locked=True,
    ),
    Screen(terminal="lodge", hash=b"t" * 32, made_us=4),
)  # fmt: skip


def test_what_is_kept_comes_back_and_goes(tmp_path: Path) -> None:
    with SignInStore.open(tmp_path) as store:
        store.put(*RECORDS)
        with pytest.raises(SignInsError, match="another process"):
            SignInStore.open(tmp_path)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    with SignInStore.open(tmp_path) as store:
        kept = store.kept()
        found = (*kept.passwords, *kept.passkeys, *kept.codes, *kept.sessions, *kept.screens)
        assert found == RECORDS
        store.remove(*RECORDS)
        assert store.kept() == type(kept)()
    assert b"$argon2id$x" not in (tmp_path / FILE).read_bytes()
    for record in RECORDS:
        assert "argon2id" not in repr(record)


@pytest.mark.parametrize("version", range(1, len(STEPS)))
def test_a_file_of_an_earlier_version_opens_with_all_that_it_has(
    tmp_path: Path, version: int
) -> None:
    """As the program of that version left it."""
    with closing(sqlite3.connect(tmp_path / FILE)) as file:
        file.executescript((GOLDEN / f"{version}.sql").read_text())
    (tmp_path / FILE).chmod(0o600)
    with SignInStore.open(tmp_path) as store:
        kept = store.kept()
        found = (*kept.passwords, *kept.passkeys, *kept.codes, *kept.sessions)
        assert (*found, *kept.screens) == RECORDS[:-1]
        store.put(*RECORDS)
        assert store.kept().screens == RECORDS[-1:]
    (tmp_path / "new").mkdir()
    SignInStore.open(tmp_path / "new").close()
    assert tables(tmp_path / FILE) == tables(tmp_path / "new" / FILE)


def tables(path: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as file:
        return set(file.execute("SELECT name, sql FROM sqlite_schema").fetchall())


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    SignInStore.open(tmp_path).close()
    (tmp_path / FILE).chmod(0o640)
    with pytest.raises(SignInsError, match="chmod 600"):
        SignInStore.open(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('portals = ["front"]', 'portals = ["frnt"]'), "no portal 'frnt'; did you mean 'front'?"),
        (('reader = "screen-in"', 'reader = "scren-in"'), "did you mean 'screen-in'?"),
        (('reader = "screen-in"', 'reader = "front-in"'), "is a reader of portal 'front'"),
        (
            ("[terminal.office]", '[terminal.office]\nreader = "screen-in"'),
            "is the reader of terminal 'lodge'",
        ),
        (("[terminal.office]", '[pages]\nname = "https://gate"'), "pages.name"),
    ],
)
def test_terminals_that_cannot_be(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    Gatehouse(tmp_path)
    file = tmp_path / "site.toml"
    file.write_text(SITE.format(broker="") + SCREEN.replace(*change))
    with pytest.raises(ConfigError) as refused:
        load_config(file)
    assert said in str(refused.value)
