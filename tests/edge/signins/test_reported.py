"""A report of one person tells by what she signs in and where she is signed in, and no secret."""

import asyncio
from pathlib import Path

from controller.moment import SECOND_US
from edge.assembly import Edge
from edge.commands.check import loaded
from edge.control.messages_pages import CodeMade, Invite
from edge.control.messages_report import Kept, SignInsKept
from edge.people import Made
from edge.person_report import text_pieces
from edge.privacy import sheet
from edge.report_closed import report_closed
from tests.edge.house import running
from tests.edge.signins.gatehouse import PASSWORD, Gatehouse


async def _told(edge: Edge, person: str) -> Kept:
    told = await edge.desk.report_person(person, "test")
    assert told.kept is not None, told.reason
    return told.kept


async def _invited(house: Gatehouse, edge: Edge, person: str) -> None:
    signing = edge.desk.sign_ins
    assert signing is not None
    made = await signing.of_others(Invite(person=person), "test")
    assert isinstance(made, CodeMade)
    done, _ = await house.invited(made.code, person)
    assert done.token


def test_it_tells_hers_while_the_edge_runs_and_when_it_does_not(tmp_path: Path) -> None:
    house = Gatehouse(tmp_path)

    async def scene() -> tuple[SignInsKept | None, SignInsKept | None]:
        async with running(house) as edge:
            before = (await _told(edge, "cleo")).sign_ins
            assert before == SignInsKept()
            await house.session(edge, "gil")
            await _invited(house, edge, "cleo")
            running_ = (await _told(edge, "cleo")).sign_ins
            others = (await _told(edge, "gil")).sign_ins
            assert others is not None
            assert not others.password
            assert len(others.sessions) == 1
        made = Made(edge="gate", by="test", utc_us=1)
        closed = await report_closed(house.config(), "cleo", made)
        assert closed.kept is not None
        return running_, closed.kept.sign_ins

    told, closed = asyncio.run(scene())
    assert told is not None
    assert told.password
    (session,) = told.sessions
    assert session.how == "invitation"
    assert session.ends_utc_us - session.begun_utc_us > 60 * SECOND_US
    assert told.invited_until_utc_us == 0, "the invitation was taken"
    assert closed is not None
    assert (closed.password, len(closed.sessions)) == (True, 1)


def test_it_is_written_for_people_without_a_secret(tmp_path: Path) -> None:
    house = Gatehouse(tmp_path)

    async def scene() -> tuple[Kept, bytes]:
        async with running(house) as edge:
            await _invited(house, edge, "cleo")
            kept = await _told(edge, "cleo")
            book = edge.desk.sign_ins._parts.book  # type: ignore[union-attr]
            return kept, next(iter(book.passwords.values())).totp

    kept, totp = asyncio.run(scene())
    site = loaded(tmp_path / "site.toml")
    text = b"".join(
        text_pieces(kept, sheet(site, site.policy), (), 1_800_000_000_000_000, site.policy.zone)
    )
    assert b"SIGNING IN AT THE PAGES" in text
    assert b"a hash of it, and the sealed secret of an authenticator" in text
    assert b"signed in by invitation at no terminal since" in text
    for secret in (PASSWORD.encode(), b"$argon2", totp, totp.hex().encode()):
        assert secret not in text
