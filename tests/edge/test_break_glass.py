"""Break-glass codes: told once, kept as hashes, checked with the same effort whatever is typed."""

import asyncio
import json
import re
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge.break_glass import (
    ALPHABET,
    FILE,
    WAITING_MAX,
    BreakGlassError,
    CodeChecker,
    Made,
    check_code,
    make_codes,
)
from edge.commands.breakglass import breakglass
from edge.people.pins import PinCost, PinHasher


class Counting(PinHasher):
    """Cheap, and says how often it was asked."""

    def __init__(self) -> None:
        super().__init__(PinCost(time_cost=1, memory_kib=8))
        self.verified = 0

    def verify(self, stored: str, pin: str) -> bool:
        self.verified += 1
        return super().verify(stored, pin)


HASHER = Counting()
DECOY = HASHER.decoy()


def check(state: Path, typed: str) -> str | None:
    return check_code(state / FILE, typed, HASHER, DECOY)


def test_a_code_is_known_by_its_id_however_it_is_typed(tmp_path: Path) -> None:
    made = make_codes(tmp_path, 3, HASHER)
    assert len({one.id for one in made}) == 3
    for one in made:
        said = one.code.lower()
        for typed in (one.code, said, one.code.replace("-", " "), one.code.replace("-", "")):
            assert check(tmp_path, typed) == one.id
        assert check(tmp_path, one.code.replace("0", "O").replace("1", "l")) == one.id
        assert one.code not in repr(one)


def test_a_code_has_eighty_bits_and_no_sign_that_is_taken_for_another(tmp_path: Path) -> None:
    (one,) = make_codes(tmp_path, 1, HASHER)
    assert re.fullmatch(r"1(-[0-9A-HJKMNP-TV-Z]{4}){4}", one.code)
    assert len(ALPHABET) ** 16 == 2**80


def test_whatever_is_no_code_takes_the_same_work(tmp_path: Path) -> None:
    first, second = make_codes(tmp_path, 2, HASHER)
    secret = first.code.partition("-")[2]
    wrong = ["", "1", "x" * 10_000, secret, f"2-{secret}", f"3-{secret}", f"99-{secret}",
             f"1-{secret[:-1]}", f"٣-{secret}", first.code[:-1] + "?", second.code[1:]]  # fmt: skip
    for typed in (*wrong, first.code):
        before = HASHER.verified
        assert (check(tmp_path, typed) is None) is (typed != first.code)
        assert HASHER.verified == before + 1, typed


def test_no_code_is_on_the_disk_and_the_file_is_for_the_service_alone(tmp_path: Path) -> None:
    made = make_codes(tmp_path, 2, HASHER)
    path = tmp_path / FILE
    assert path.stat().st_mode & 0o777 == 0o600
    kept = path.read_text()
    assert not [one for one in made if one.code.partition("-")[2].replace("-", "") in kept]
    assert {one["hash"].split("$")[1] for one in json.loads(kept)["codes"]} == {"argon2id"}
    path.chmod(0o640)
    with pytest.raises(BreakGlassError, match="others on this machine"):
        check(tmp_path, made[0].code)


def test_codes_are_replaced_by_word_alone(tmp_path: Path) -> None:
    (old,) = make_codes(tmp_path, 1, HASHER)
    with pytest.raises(BreakGlassError, match="there are codes already"):
        make_codes(tmp_path, 1, HASHER)
    assert check(tmp_path, old.code) == old.id
    (new,) = make_codes(tmp_path, 1, HASHER, replace=True)
    assert check(tmp_path, old.code) is None
    assert check(tmp_path, new.code) == new.id
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"schema":2,"codes":[]}'])
def test_a_damaged_file_is_said_to_be_one(tmp_path: Path, content: bytes) -> None:
    (one,) = make_codes(tmp_path, 1, HASHER)
    (tmp_path / FILE).write_bytes(content)
    before = HASHER.verified
    with pytest.raises(BreakGlassError, match="cannot be read"):
        check(tmp_path, one.code)
    assert HASHER.verified == before + 1, "as much work as where there are codes"
    (tmp_path / FILE).unlink()
    with pytest.raises(BreakGlassError, match="no break-glass codes here"):
        check(tmp_path, one.code)


def test_a_damaged_hash_lets_nobody_in(tmp_path: Path) -> None:
    (one,) = make_codes(tmp_path, 1, HASHER)
    kept = json.loads((tmp_path / FILE).read_text())
    kept["codes"][0]["hash"] = "$argon2id$"
    (tmp_path / FILE).write_text(json.dumps(kept))
    with pytest.raises(BreakGlassError, match="could not be checked"):
        check(tmp_path, one.code)


def test_checks_run_beside_the_loop_and_so_many_wait(tmp_path: Path) -> None:
    (one,) = make_codes(tmp_path, 1, HASHER)
    begun, free = threading.Event(), threading.Event()

    class Slow(Counting):
        def verify(self, stored: str, pin: str) -> bool:
            begun.set()
            assert free.wait(30)
            return super().verify(stored, pin)

    async def what() -> None:
        checker = CodeChecker(tmp_path, Slow())
        checks = [asyncio.create_task(checker.check(one.code)) for _ in range(WAITING_MAX)]
        while not begun.is_set():
            await asyncio.sleep(0)
        with pytest.raises(BreakGlassError, match="too many"):
            await checker.check(one.code)
        free.set()
        assert await asyncio.gather(*checks) == [one.id] * WAITING_MAX
        assert await checker.check("1") is None

    asyncio.run(what())


def test_the_command_tells_them_once(tmp_path: Path) -> None:
    words = ("make", "--count", "2", "--state", str(tmp_path))
    done = CliRunner().invoke(breakglass, words)
    assert done.exit_code == 0, done.output
    lines = [line for line in done.stdout.splitlines() if line]
    told = [Made(*reversed(re.split(r"  \(in the journal: |\)", line)[:2])) for line in lines]
    hasher = PinHasher()
    assert len(told) == 2
    assert check_code(tmp_path / FILE, told[1].code, hasher, hasher.decoy()) == told[1].id
    again = CliRunner().invoke(breakglass, words)
    assert "there are codes already" in again.output
    absent = CliRunner().invoke(breakglass, ("make", "--state", str(tmp_path / "none")))
    assert "no such folder" in absent.output
