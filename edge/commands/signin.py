"""`sentrypost signin`: who signs in at the pages, and by what."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import tzinfo
from pathlib import Path

import click
import msgspec

from edge.commands.common import (
    Failed,
    Row,
    coloured,
    failed_by,
    json_option,
    painted,
    say_json,
    state_option,
    table,
    zone_named,
)
from edge.control.client import ControlClientError
from edge.control.client_pages import SignInClient
from edge.control.messages_pages import (
    CodeMade,
    MeansShown,
    OpenSession,
    SignInChanged,
    SignInsReply,
    TerminalShown,
)
from edge.present import Line, clean, local
from edge.present_signins import HOWS
from edge.tone import Tone


@contextmanager
def _connected(state: Path) -> Iterator[SignInClient]:
    try:
        with SignInClient(state) as daemon:
            yield daemon
    except ControlClientError as error:
        raise failed_by(error) from error


@click.group()
def signin() -> None:
    """Who signs in at the pages: invitations, links, sessions, terminals."""


@signin.command(name="list")
@json_option
@state_option
def list_(as_json: bool, state: Path) -> None:
    """Show by what people sign in, and who is signed in now."""
    with _connected(state) as daemon:
        reply = daemon.sign_ins()
    if as_json:
        click.echo(msgspec.json.encode(reply))
        return
    click.echo("\n".join(painted(line) for line in _page(reply)), color=coloured())


@signin.command()
@click.argument("person")
@json_option
@state_option
def invite(person: str, as_json: bool, state: Path) -> None:
    """Make a one-time code by which PERSON sets a password and an authenticator.

    PERSON is the id that the file of people has. Hand the code over; it counts for a day. What the
    person signs in by until then goes on to count.
    """
    with _connected(state) as daemon:
        _tell(daemon.invite(person), as_json=as_json)


@signin.command()
@click.argument("person")
@json_option
@state_option
def link(person: str, as_json: bool, state: Path) -> None:
    """Make a one-time code that signs PERSON in, for ten minutes.

    Whoever has it acts as PERSON, and the journal says that you made it. Only the daemon's own
    account and root can.
    """
    with _connected(state) as daemon:
        _tell(daemon.link(person), as_json=as_json)


@signin.command()
@click.argument("person")
@click.option("--passkey", default="", help="This one alone, as `signin list` names it.")
@state_option
@json_option
def remove(person: str, passkey: str, state: Path, as_json: bool) -> None:
    """Take away what PERSON signs in by, and end the sessions.

    Badge and PIN go on to sign in at a terminal with a reader; to end that as well, take the role
    or suspend the person.
    """
    with _connected(state) as daemon:
        _done(daemon.remove(person, passkey), f"removed for {person}", as_json=as_json)


@signin.command()
@click.argument("session")
@state_option
@json_option
def end(session: str, state: Path, as_json: bool) -> None:
    """End a session, as `signin list` names it."""
    if len(session) != 16 or set(session) - set("0123456789abcdef"):
        raise Failed(f"'{clean(session)}' names no session", "`sentrypost signin list` has them")
    with _connected(state) as daemon:
        _done(daemon.end(session), f"session {session} is over", as_json=as_json)


@signin.command()
@click.argument("terminal")
@click.option("--end", "ended", is_flag=True, help="No browser is it any more.")
@json_option
@state_option
def terminal(terminal: str, ended: bool, as_json: bool, state: Path) -> None:
    """Make a one-time code by which a browser becomes TERMINAL, a [terminal] of the site file.

    Open the page /terminal in that browser and type the code, within ten minutes. From then on it
    is the terminal and no other browser is: there badge and PIN sign in, and the site file says
    which portals are worked.
    """
    with _connected(state) as daemon:
        if ended:
            done = daemon.end_terminal(terminal)
            _done(done, f"no browser is terminal {terminal}", as_json=as_json)
            return
        _tell(daemon.terminal_code(terminal), as_json=as_json)


def _tell(made: CodeMade, *, as_json: bool) -> None:
    """The code goes to standard output by itself, so that a program may take it."""
    if not made.code:
        raise Failed(clean(made.reason), clean(made.remedy))
    if as_json:
        click.echo(msgspec.json.encode(made))
    else:
        click.echo(made.code)


def _done(changed: SignInChanged, what: str, *, as_json: bool) -> None:
    if as_json:
        say_json(changed, done=changed.done)
        return
    if not changed.done:
        raise Failed(clean(changed.reason), clean(changed.remedy))
    click.echo(clean(what))


def _page(reply: SignInsReply) -> Iterator[Line]:
    zone = zone_named(reply.timezone)
    yield from table("people", [_person(one, zone) for one in reply.people])
    passkeys = [
        (Tone.PLAIN, (one.person, key.passkey, clean(key.label), key.credential))
        for one in reply.people
        for key in one.passkeys
    ]
    yield from table("passkeys, as [key.NAME] fido2 of the site file takes them", passkeys)
    yield from table("signed in", [_session(one, zone) for one in reply.sessions])
    yield from table("terminals", [_terminal(one, zone) for one in reply.terminals])


def _person(one: MeansShown, zone: tzinfo) -> Row:
    means = [
        word
        for word, held in (
            ("badge and PIN", one.has_pin),
            ("password", one.has_password),
            (f"passkeys: {len(one.passkeys)}", bool(one.passkeys)),
        )
        if held
    ]
    if one.invited_until_utc_us:
        means.append(f"invited until {local(one.invited_until_utc_us, zone)}")
    rights = ", ".join(one.rights) or "no right any more"
    tone = Tone.PLAIN if one.rights else Tone.NOTICE
    return tone, (one.person, clean(one.name), rights, ", ".join(means) or "nothing")


def _session(one: OpenSession, zone: tzinfo) -> Row:
    how = HOWS[one.how] + (", locked" if one.locked else "")
    since = local(one.signed_in_utc_us, zone)
    return Tone.PLAIN, (one.session, one.person, one.terminal or "-", f"since {since}", how)


def _terminal(one: TerminalShown, zone: tzinfo) -> Row:
    since = f"since {local(one.since_utc_us, zone)}" if one.since_utc_us else "no browser is it"
    reader = "with a reader" if one.reader else "without a reader"
    portals = ", ".join(one.portals) or "all portals"
    return Tone.PLAIN if one.since_utc_us else Tone.NOTICE, (one.terminal, since, reader, portals)
