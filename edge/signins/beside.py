"""Signing in, put together from what the edge is given."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from edge.config import Config
from edge.daemon import Alongside, Daemon
from edge.desk import DaemonDesk
from edge.duress import Sealer
from edge.fido2_assertions import rp_id
from edge.people import People, PinCheck, PinChecker, PinHasher, SiteKey
from edge.people_desk import PeopleDesk
from edge.signins.book import Book
from edge.signins.edge_desk import PageSignIns
from edge.signins.edge_premises import EdgePremises
from edge.signins.first import FirstCode
from edge.signins.limits import Limits
from edge.signins.parts import Parts
from edge.signins.passkeys import Passkeys
from edge.signins.passwords import Passwords
from edge.signins.sessions import Sessions
from edge.signins.store import SignInsError, SignInStore

SEAL_USE = b"authenticators"

log = logging.getLogger(__name__)


class Means(NamedTuple):
    """`pins`: what checks the PINs of pages, apart from those of doors: no flood of tries at a page
    takes a door's turn. `show`: as in `FirstCode`.
    """

    book: Book
    pins: PinCheck
    passwords: Passwords
    show: Callable[[str], None]


@contextmanager
def opened(
    config: Config,
    key: SiteKey,
    people: People,
    entropy: Callable[[int], bytes],
    show: Callable[[str], None],
) -> Iterator[Means | None]:
    """None where the file cannot be used: doors need none of it, and the log says what to do."""
    try:
        store = SignInStore.open(config.state)
    except SignInsError as error:
        log.error("nobody can sign in at the pages: %s", error)
        yield None
        return
    hasher = PinHasher()
    pins = PinChecker(people.pin, hasher, Sealer(config.recipients))
    passwords = Passwords(hasher, key.cipher(SEAL_USE), entropy)
    try:
        book = Book(store)
    except SignInsError as error:
        log.error("nobody can sign in at the pages: %s", error)
        store.close()
        yield None
        return
    try:
        yield Means(book, pins, passwords, show)
    finally:
        pins.close()
        passwords.close()
        book.close()


def sign_ins(
    config: Config,
    daemon: Daemon,
    desk: DaemonDesk,
    people: PeopleDesk,
    means: Means,
    entropy: Callable[[int], bytes],
) -> Alongside:
    """Let people sign in: what runs for it beside the daemon."""
    premises = EdgePremises(daemon, config, means.pins, entropy, people.import_people)
    parts = Parts(
        premises=premises,
        book=means.book,
        sessions=Sessions(premises, means.book, entropy),
        limits=Limits(entropy),
        passwords=means.passwords,
        passkeys=Passkeys(config.pages.name or rp_id(config.site), config.site, entropy),
        entropy=entropy,
    )
    first = FirstCode(premises, means.book, config.state, entropy, means.show)
    made = desk.sign_ins = PageSignIns(parts, first, premises)
    daemon.hears_terminals(made.at_terminal)
    people.erasing.elsewhere.append(made.erased)
    return {"sign-ins": made.run}
