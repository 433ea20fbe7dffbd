"""One edge put together from its configuration and the outside things it is given.

Nothing here chooses a clock, a line, a disk or a broker: `edge.app` gives the real ones, a virtual
site simulated ones, and what runs between them is the same.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import NamedTuple

from controller.inputs import CertificateRead, JournalKeyFollowed, WitnessKeyHeard
from controller.site import Site
from controller.state import SiteState
from controller.turn import Origin
from drivers.api import Driver
from drivers.cameras.api import Camera
from drivers.faces.api import FaceComparer
from drivers.mqtt_link import BrokerCertified, Link, LinkReport
from edge.alarms_told import AlarmsTold
from edge.answering import Answering
from edge.ballast import Ballast
from edge.break_glass import CodeChecker
from edge.certificates import CertificateWatch
from edge.checkpoints import Checkpointer
from edge.code_desk import CodeDesk
from edge.config import Config
from edge.cosigned_beside import CosignedBeside
from edge.daemon import Alongside, Clock, Daemon
from edge.desk import DaemonDesk
from edge.device_upkeep import DeviceUpkeep
from edge.erase_desk import EraseDesk
from edge.erasing import Erasing
from edge.face_desk import FaceDesk
from edge.face_enrolment import place_of
from edge.face_watch import FaceWatch
from edge.faces import Shelf
from edge.guard_post import GuardPost
from edge.journal import JournalWriter, Record
from edge.journal_beside import journal_beside, scrubber_of, signers_of
from edge.journal_keys import JournalKey, KeyRing
from edge.keypads import Keypads
from edge.muster_desk import MusterDesk
from edge.muster_told import MusterTold, MusterView
from edge.order_desk import OrderDesk
from edge.order_lane import OrderLane
from edge.order_view import OrderView
from edge.people import People, PinCheck, PinHasher, SiteKey
from edge.people_desk import PeopleDesk
from edge.picture_desk import PictureDesk
from edge.pictures.beside import NOTHING_AT_REST, AtRest, kept_beside, pictures_of_erased
from edge.policy_desk import PolicyDesk
from edge.policy_start import at_start
from edge.policy_store import PolicyStore
from edge.renewal import goes_on_from
from edge.report_desk import ReportDesk
from edge.reports import Reports
from edge.requests import Requests
from edge.restore import restored_state
from edge.safe_mode import SERVED_S
from edge.seeing import beyond_the_reader, seeing
from edge.signatures import SigningKey, key_id
from edge.signins.beside import Means, sign_ins
from edge.tls import Identity
from edge.topics import Topics
from edge.uplink import InForce, Uplink
from edge.uplink_reports import OrderIgnored
from edge.views_worker import Views
from edge.visit_desk import VisitDesk
from edge.visitor_codes import VisitorCodes
from edge.visitor_desk import VisitorDesk
from edge.visitor_gifts import Gifts
from edge.wire import SetKind
from edge.wiring import Wiring
from edge.witness_keys import Succession, WitnessRing
from edge.witnessed import JournalDoubt, Witnessed, WitnessReport

SENT_WITHIN_S = 2.0
"""What a stop waits for the archive's word on the last entries; the next start sends the rest."""

SENT_LOOK_S = 0.02

SAID_WITHIN_S = 1.0
"""What a stop waits for the journal to take a last checkpoint; a disk that hangs keeps nobody."""

LATE_S_MAX = 5.0
"""All edges of a site lose the power at the same moment: they must not return to the broker at the
same one. Those that lose the broker alone have the link's own pauses.
"""

log = logging.getLogger(__name__)


class Outside(NamedTuple):
    """Everything that an edge touches. Journal and people are open, and closed by who gave them.

    `entropy(n)` gives n unpredictable bytes. `link` makes the way to the broker, which reports its
    troubles to the function it is given; None where the site has no broker. `identity` reads the
    certificates for it, where it has any. `unclean` and `safe_mode`: as in `edge.safe_mode.Run`.
    `views`: the file that reports are made from; None where none are. `cameras`: by name. `faces`:
    what compares faces, None where nothing does. `distances`: as `FaceWatch` has it. `pictures`:
    where pictures of cameras are kept. `signing_in`: what people sign in by at pages; None where
    nobody does. `cosigned`: the witness's last word, beside the journal.
    """

    key: SiteKey
    journal_key: JournalKey
    order_key: SigningKey
    clock: Clock
    entropy: Callable[[int], bytes]
    jitter: Random
    drivers: Mapping[str, Driver]
    writer: JournalWriter
    people: People
    pins: PinCheck
    ballast: Ballast | None
    link: Callable[[Callable[[LinkReport], None]], Link] | None
    identity: Callable[[], Identity] | None = None
    unclean: bool = False
    safe_mode: bool = False
    views: Path | None = None
    cameras: Mapping[str, Camera] = {}
    shelf: Shelf | None = None
    faces: FaceComparer | None = None
    distances: Mapping[str, float] = {}
    pictures: AtRest = NOTHING_AT_REST
    signing_in: Means | None = None
    cosigned: CosignedBeside | None = None


class Edge(NamedTuple):
    """A daemon ready to run, and what runs beside it."""

    daemon: Daemon
    desk: DaemonDesk
    policy: PolicyDesk
    alongside: Alongside
    checkpoints: Checkpointer
    uplink: Uplink | None

    async def run(self) -> None:
        """Serve until `daemon.stop`. Raises ExceptionGroup when a task of it fails."""
        await self.daemon.run(self.alongside, self._sent)

    async def _sent(self) -> None:
        """The last word on the journal's size; then until the archive has everything, for so long
        as it is there and within a limit.
        """
        try:
            async with asyncio.timeout(SAID_WITHIN_S):
                await self.checkpoints.take()
        except TimeoutError:
            log.warning("stopping without a last word on the journal's size")
        if self.uplink is None:
            return
        try:
            async with asyncio.timeout(SENT_WITHIN_S):
                # The status has no event, and nothing else waits here.
                while self.uplink.status.connected and self.uplink.status.behind:  # noqa: ASYNC110
                    await asyncio.sleep(SENT_LOOK_S)
        except TimeoutError:
            log.warning("stopping before the archive has the last entries")


async def assembled(config: Config, outside: Outside) -> Edge:
    """An edge with its state restored and nothing running yet. Raises JournalError, PeopleError."""
    writer, people = outside.writer, outside.people
    state = await restored_state(writer)
    settle_people(people, state)
    _look_at_duress(config, people)
    store = PolicyStore(config.state)
    began = at_start(config, state, store)
    config = began.config
    site = Site(Origin(config.site, config.edge, writer.incarnation), config.policy, state)
    listeners: list[Callable[[Sequence[Record]], None]] = []
    daemon = _daemon(config, outside, site, partial(_tell, listeners))
    checkpoints = Checkpointer(
        writer,
        KeyRing(outside.journal_key, config.state),
        lambda: outside.clock.moment().utc_us,
        lambda kept: None if uplink is None else uplink.said(kept),
        witnessed=outside.link is not None and config.witness is not None,
    )
    checkpoints.ring.record = partial(_rotated, daemon)
    policy = PolicyDesk(daemon, began, store)
    witness = _witness(config, daemon)
    scrubber = scrubber_of(outside, daemon, partial(signers_of, checkpoints.ring, witness))
    desks = _people_desks(config, outside, daemon)
    people_desk, erase_desk, _, faces = desks
    requests = Requests(people_desk, policy, partial(_in_force_of, daemon), writer.incarnation)
    watch = _certificates(outside, daemon)
    orders = _order_desk(config, outside, daemon)
    reports = Reports(asyncio.get_running_loop().time)
    lane = _lane(config, outside, daemon, orders, reports)
    uplink = _uplink(config, outside, daemon, checkpoints, requests, watch, lane, reports, witness)
    desk = DaemonDesk(
        daemon,
        config,
        *desks,
        policy,
        VisitDesk(daemon, config, orders.counts),
        *_visitor_desks(config, outside, daemon, people_desk),
        MusterDesk(daemon),
        orders,
        uplink,
        scrubber,
        watch,
        version("sentrypost"),
        safe_mode=outside.safe_mode,
        views=_views(outside, daemon),
        pictures=PictureDesk(daemon, outside.pictures),
    )
    requests.alarms = desk.alarms
    listeners += [desk.committed, checkpoints.committed, faces.committed]
    listeners.append(desk.gates.feed.committed)
    alongside = _alongside(outside, daemon, desk, erase_desk, orders)
    alongside |= journal_beside(config, outside, daemon, checkpoints, scrubber, watch)
    alongside["devices"] = _upkeep(config, outside, daemon, desk).run
    alongside |= _pictures(config, outside, daemon, listeners) | seeing(daemon, faces)
    if uplink is not None:
        listeners.append(uplink.committed)
        alongside |= _upwards(config, outside, daemon, uplink)
    if (means := outside.signing_in) is not None:
        alongside |= sign_ins(config, daemon, desk, people_desk, means, outside.entropy)
    return Edge(daemon, desk, policy, alongside, checkpoints, uplink)


def _tell(
    listeners: Sequence[Callable[[Sequence[Record]], None]], records: Sequence[Record]
) -> None:
    for listener in listeners:
        listener(records)


def _daemon(
    config: Config,
    outside: Outside,
    site: Site,
    committed: Callable[[Sequence[Record]], None],
) -> Daemon:
    keypads = Keypads()
    wiring = Wiring(config, outside.people, outside.key, keypads, outside.entropy)
    watch = FaceWatch(outside.cameras, outside.faces, outside.distances, outside.entropy)
    guards = GuardPost(asyncio.get_running_loop().time)
    wiring.offers_beyond = partial(beyond_the_reader, watch, guards)
    return Daemon(
        site=site,
        writer=outside.writer,
        people=outside.people,
        wiring=wiring,
        answering=Answering(config.site, wiring, keypads, outside.pins, watch, guards),
        drivers=outside.drivers,
        clock=outside.clock,
        release_reserve=_nothing if outside.ballast is None else outside.ballast.release,
        jitter=outside.jitter,
        version=version("sentrypost"),
        safe_mode=outside.safe_mode,
        kept_copy=config.kept,
        committed=committed,
    )


def _visitor_desks(
    config: Config, outside: Outside, daemon: Daemon, people: PeopleDesk
) -> tuple[CodeDesk, VisitorDesk]:
    codes = VisitorCodes(config.site, outside.key)
    gifts = Gifts(codes, outside.key, config.badges.cards, outside.entropy)
    made = CodeDesk(daemon, people, codes, outside.entropy)
    return made, VisitorDesk(daemon, people, gifts)


def _alongside(
    outside: Outside, daemon: Daemon, desk: DaemonDesk, erase_desk: EraseDesk, orders: OrderDesk
) -> Alongside:
    """What sees to people, orders and journal beside the daemon."""
    alongside: Alongside = {
        "desk": desk.run,
        "orders": orders.run,
        "faces": partial(desk.faces.run, desk.wait_beyond),
        "gates": desk.gates.feed.run,
        "visits": partial(desk.visitors.run, desk.wait_beyond),
        "erasures": partial(erase_desk.run, desk.wait_beyond),
    }
    if outside.ballast is not None:
        alongside["ballast"] = outside.ballast.run
    if desk.reports is not None:
        alongside["views"] = partial(desk.reports.run, desk.wait_beyond)
    origin = goes_on_from(outside.writer)
    if origin is not None and not daemon.site.state.doubted:
        alongside["renewal"] = partial(_told, daemon, *origin)
    return alongside


def _upwards(config: Config, outside: Outside, daemon: Daemon, uplink: Uplink) -> Alongside:
    """What goes to the archive and its witness."""
    uplink.muster = MusterTold(Topics(config.site, config.edge), MusterView(daemon).now)
    incarnation, site = outside.writer.incarnation, daemon.site
    uplink.alarms = AlarmsTold(config.site, config.edge, incarnation, lambda: site.state.alarms)
    return {
        "uplink": partial(_later, _held_back_s(outside), uplink.run),
        "witness": uplink.look_back,
    }


def _nothing() -> bool:
    return False


async def _told(daemon: Daemon, before: str, witnessed: int, held: int) -> None:
    """Once in the life of a journal that goes on from another one."""
    daemon.judge_doubt(witnessed, held, before)


def _views(outside: Outside, daemon: Daemon) -> Views | None:
    """What keeps reports up; doors need none of it, and so safe mode has none."""
    if outside.views is None or outside.safe_mode:
        return None
    return Views(outside.views, outside.writer, lambda: daemon.site.policy.timezone)


def _pictures(
    config: Config,
    outside: Outside,
    daemon: Daemon,
    listeners: list[Callable[[Sequence[Record]], None]],
) -> Alongside:
    """What keeps pictures; doors need none of it, and so safe mode has none."""
    keeper = kept_beside(config, daemon, outside.pictures, outside.cameras, outside.ballast)
    if keeper is None or outside.safe_mode:
        return {}
    listeners.append(keeper.committed)
    return {"pictures": keeper.run}


def _upkeep(config: Config, outside: Outside, daemon: Daemon, desk: DaemonDesk) -> DeviceUpkeep:
    upkeep = desk.devices.upkeep = DeviceUpkeep(daemon, config, outside.entropy)
    upkeep.recall()
    return upkeep


def _rotated(daemon: Daemon, key: str, former: str) -> None:
    daemon.judge(JournalKeyFollowed(id=daemon.new_id(), key=key, former=former))


def _witness(config: Config, daemon: Daemon) -> WitnessRing | None:
    if config.witness is None:
        return None
    ring = WitnessRing(config.witness, config.state)

    async def record(step: Succession) -> bool:
        ids = (key_id(step.key.public), key_id(step.former.public))
        daemon.judge(WitnessKeyHeard(id=daemon.new_id(), key=ids[0], former=ids[1]))
        await daemon.recorder.drained()
        return not daemon.recorder.down

    ring.record = record
    return ring


def _certificates(outside: Outside, daemon: Daemon) -> CertificateWatch | None:
    if outside.identity is None:
        return None

    def read(which: str, until_s: int) -> None:
        daemon.judge(CertificateRead(id=daemon.new_id(), which=which, until_s=until_s))

    return CertificateWatch(outside.identity, read)


def _look_at_duress(config: Config, people: People) -> None:
    if not config.recipients and any(one.duress_hash for one in people.roll.pins.values()):
        log.warning("people have duress PINs and [duress] names nobody: nobody is told of duress")


def _people_desks(
    config: Config, outside: Outside, daemon: Daemon
) -> tuple[PeopleDesk, EraseDesk, ReportDesk, FaceDesk]:
    """One takes people away by the other: what a change set takes is erased as well."""
    erasing = Erasing(daemon)
    faces = FaceDesk(daemon, outside.shelf or Shelf(place_of(config), outside.entropy))
    erasing.elsewhere.append(faces.take_away)
    erasing.elsewhere.append(partial(pictures_of_erased, config.state, daemon, outside.pictures))
    people = PeopleDesk(daemon, config, outside.key, outside.entropy, erasing)
    report = ReportDesk(daemon, config, erasing, faces, outside.pictures.keys)
    return people, EraseDesk(daemon, people, erasing, config.state), report, faces


def _order_desk(config: Config, outside: Outside, daemon: Daemon) -> OrderDesk:
    """It gives the orders of key switches and panic inputs as well."""
    codes = CodeChecker(config.state, PinHasher())
    desk = OrderDesk(daemon, config, outside.order_key, codes, outside.entropy)
    daemon.source_acted = desk.sources.acted
    return desk


def _held_back_s(outside: Outside) -> float:
    """How long the way to the archive waits at the start; nothing else does."""
    late_s = outside.jitter.uniform(0, LATE_S_MAX) if outside.unclean else 0.0
    return late_s + SERVED_S if outside.safe_mode else late_s


async def _later(pause_s: float, run: Callable[[], Coroutine[None, None, None]]) -> None:
    await asyncio.sleep(pause_s)
    await run()


def settle_people(people: People, state: SiteState) -> None:
    """A change that waited for its entry when the edge ended is in force if the entry is there."""
    staged = people.staged
    if staged is None:
        return
    recorded = (state.holders_version, state.holders_digest) == (staged.version, staged.digest)
    people.settle(state.holders_seq if recorded else None)


def _uplink(
    config: Config,
    outside: Outside,
    daemon: Daemon,
    checkpoints: Checkpointer,
    requests: Requests,
    watch: CertificateWatch | None,
    lane: OrderLane,
    reports: Reports,
    witness: WitnessRing | None,
) -> Uplink | None:
    """The way to the archive and its witness, where the site has a broker."""
    if outside.link is None:
        return None

    def heard(report: WitnessReport) -> None:
        if isinstance(report, JournalDoubt):
            daemon.judge_doubt(report.witnessed, report.held)
        reports.tell(report)

    def carried(report: LinkReport) -> None:
        if not isinstance(report, BrokerCertified):
            reports.tell(report)
        elif watch is not None:
            watch.saw_broker(report.until_s)

    return Uplink(
        outside.writer,
        outside.link(carried),
        config.site,
        config.edge,
        version("sentrypost"),
        Witnessed(
            outside.writer,
            lambda: checkpoints.keys,
            # The witness believes the first key it sees: it must never see one that is lost soon.
            None if outside.journal_key.of_this_run else witness,
            heard,
            checkpoints.ring.followed,
            outside.cosigned,
        ),
        reports.tell,
        partial(_in_force, daemon),
        requests,
        lane,
    )


def _lane(
    config: Config, outside: Outside, daemon: Daemon, desk: OrderDesk, reports: Reports
) -> OrderLane:
    """The way of orders over the same wire."""

    def ignored(reason: str) -> None:
        reports.tell(OrderIgnored(reason=reason))

    view = OrderView(daemon, desk)
    return OrderLane(config.site, config.edge, view, outside.jitter, ignored)


def _in_force(daemon: Daemon) -> InForce:
    people, policy = _in_force_of(daemon, SetKind.PEOPLE), _in_force_of(daemon, SetKind.POLICY)
    made_us = daemon.site.state.holders_made_us
    return InForce(people[0], made_us, people[1], policy[0], policy[1])


def _in_force_of(daemon: Daemon, kind: SetKind) -> tuple[int, str]:
    """Version and digest of the people, or of the policy; of alarms there is none."""
    if kind is SetKind.ALARM:
        return 0, ""
    if kind is SetKind.PEOPLE:
        return daemon.site.state.holders_version, daemon.site.state.holders_digest
    return daemon.site.policy.version, daemon.site.policy.digest
