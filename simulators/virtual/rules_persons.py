"""Nobody enters on a badge that does not open that door."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from controller.events import Body, DecisionMade, Entry, PortalGranted, PortalLeased
from policies.compiled import OnFire
from policies.facts import CredentialStatus
from simulators.virtual.plan import Person, Plan, asks_for_faces
from simulators.virtual.rule import Rule
from simulators.virtual.rules_scene import ASK_S, Scene
from simulators.virtual.seen import Seen, What

CLEANING_FROM, CLEANING_UNTIL = time(18), time(21)
"""When cleaners may enter, local time (`simulators.virtual.plan`)."""

OFFICE_FROM, OFFICE_UNTIL, OFFICE_DAYS = time(7, 30), time(18, 30), range(5)
"""When a door may stand open for everybody, from Monday on."""

ARCHIVE_ROLES = frozenset({"archivist", "guard"})

ASKED_S = 2 * ASK_S + 20.0
"""From a badge to a grant on disk: the keys of a PIN come in between, as late as a reader waits."""

FACE_S = 20.0
"""As long again, where a face is asked for before."""


class NeverForTheWrongPerson(Rule):
    """A grant is for who presented there just now, and who may enter there."""

    name = "never-for-the-wrong-person"

    def __init__(self, plan: Plan) -> None:
        self._scene = Scene(plan)
        self._zone = ZoneInfo(plan.config.policy.timezone)
        self._people = {person.name: person for person in plan.people}
        self._presented_s: dict[tuple[str, str], float] = {}
        self._typed_s: dict[tuple[str, str], float] = {}
        """When each typed the right PIN at each portal."""
        self._seen_s: dict[tuple[str, str], float] = {}
        """When the face of each was there, and was told in time."""
        self._waiting_s: dict[tuple[str, str], float] = {}
        """Since when somebody stands before a locked portal, badge presented."""
        self._for_others_s: dict[str, float] = {}
        """When each portal last let go, or was allowed to, for anybody or for somebody in order."""

    # --- what the journal says --------------------------------------------------------------

    def recorded(self, at_s: float, entry: Entry, body: Body | None) -> None:
        self._scene.recorded(at_s, body)
        if isinstance(body, PortalLeased):
            self._check_lease(at_s, entry, body.portal)
            self._for_others_s[body.portal] = at_s
        elif isinstance(body, PortalGranted):
            self._check_grant(at_s, entry, body)
        elif isinstance(body, DecisionMade) and body.decision.granted:
            anonymous = body.request.credential is CredentialStatus.NONE
            if body.direction is not self._scene.rules[body.portal].way_out and not anonymous:
                self._check_decision(at_s, entry, body)

    def _check_lease(self, at_s: float, entry: Entry, portal: str) -> None:
        """Only a clock that is vouched for says that it is office hours."""
        local = self._local(entry)
        in_hours = local.weekday() in OFFICE_DAYS and OFFICE_FROM <= local.time() < OFFICE_UNTIL
        if not entry.clock_trusted or not in_hours:
            how = "trusted" if entry.clock_trusted else "not trusted"
            story = f"{entry.seq}: {portal} stands open at {local:%a %H:%M}, the clock is {how}"
            raise self.broken(at_s, story)

    def _check_grant(self, at_s: float, entry: Entry, body: PortalGranted) -> None:
        """One release goes back to one decision."""
        if body.after.direction is self._scene.rules[body.portal].way_out:
            self._for_others_s[body.portal] = at_s
            return
        decided = self._scene.book.decided.get(body.portal)
        if decided is None or decided.attempt != body.after.attempt:
            raise self.broken(at_s, f"{entry.seq}: entry at {body.portal} on nobody's decision")

    def _check_decision(self, at_s: float, entry: Entry, body: DecisionMade) -> None:
        holder = body.request.holder
        person = None if holder is None else self._scene.holder(holder.id)
        if person is None:
            raise self.broken(at_s, f"{entry.seq}: somebody unknown may enter {body.portal}")
        story = f"{entry.seq}: {person.name} may enter {body.portal}"
        if not _opens(person, self._scene.rules[body.portal].inner):
            raise self.broken(at_s, story)
        if person.character.name == "cleaner" and not self._cleans(entry):
            raise self.broken(at_s, f"{story} outside cleaning hours")
        asked_s = self._presented_s.get((body.portal, person.name))
        if asked_s is None or not self._is_answer(at_s, body.portal, asked_s):
            raise self.broken(at_s, f"{story} and did not present a badge there ({asked_s})")
        typed_s = self._typed_s.get((body.portal, person.name))
        needs_pin = self._scene.rules[body.portal].inner.startswith("archive")
        if needs_pin and (typed_s is None or not self._is_answer(at_s, body.portal, typed_s)):
            raise self.broken(at_s, f"{story} and did not type the right PIN there ({typed_s})")
        if asks_for_faces(self._scene.rules[body.portal].inner):
            self._check_face(at_s, f"{story} and", body.portal, person.name)
        self._for_others_s[body.portal] = at_s

    def _check_face(self, at_s: float, story: str, portal: str, name: str) -> None:
        """Her own face, or her PIN in its place."""
        proofs = (self._seen_s.get((portal, name)), self._typed_s.get((portal, name)))
        if not any(one is not None and self._is_answer(at_s, portal, one) for one in proofs):
            raise self.broken(at_s, f"{story} neither stood nor typed her PIN there {proofs}")

    def _is_answer(self, at_s: float, portal: str, asked_s: float) -> bool:
        """Whether an entry on disk now may answer a badge of then; who is not served, or not
        written down, is answered later.
        """
        late = self._scene.has_disk_trouble(at_s) or not self._scene.is_served(portal, asked_s)
        waits_s = FACE_S if asks_for_faces(self._scene.rules[portal].inner) else 0.0
        return late or at_s <= asked_s + ASKED_S + waits_s

    def _cleans(self, entry: Entry) -> bool:
        """Whether it is cleaning time by a clock that is vouched for."""
        in_hours = CLEANING_FROM <= self._local(entry).time() < CLEANING_UNTIL
        return entry.clock_trusted and in_hours

    def _local(self, entry: Entry) -> datetime:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=entry.utc_us)
        return moment.astimezone(self._zone)

    # --- at the doors -----------------------------------------------------------------------

    def see(self, seen: Seen) -> None:
        self._scene.see(seen)
        portal, at_s = seen.where, seen.at_s
        match seen.what:
            case What.PRESENTED:
                who = portal, seen.detail.partition(" ")[2]
                self._presented_s[who] = self._waiting_s[who] = at_s
            case What.TYPED:
                self._typed_s[portal, seen.detail] = at_s
            case What.RECOGNISED:
                self._seen_s[portal, seen.detail] = at_s
            case What.FAILED_SAFE | What.EXIT_ASKED:
                self._for_others_s[portal] = at_s
            case What.RELEASED if self._is_free(portal, at_s):
                self._for_others_s[portal] = at_s
            case What.PASSED | What.REFUSED | What.GAVE_UP:
                self._check_answer(seen)

    def _is_free(self, portal: str, at_s: float) -> bool:
        rule = self._scene.rules[portal]
        return rule.on_fire is OnFire.RELEASE and self._scene.may_be_free(portal, at_s)

    def _check_answer(self, seen: Seen) -> None:
        """Whose own badge opens nothing passes only where the door was open for somebody else."""
        direction, _, name = seen.detail.partition(" ")
        asked_s = self._waiting_s.pop((seen.where, name), None)
        if asked_s is None or seen.what is not What.PASSED:
            return
        if direction != self._scene.way_in(seen.where):
            return
        if _opens(self._people[name], self._scene.rules[seen.where].inner):
            return
        if self._for_others_s.get(seen.where, -ASK_S) + ASK_S < asked_s:
            raise self.broken(seen.at_s, f"{name} presented at {asked_s:.6f} s and entered by it")


def _opens(person: Person, zone: str) -> bool:
    """Whether somebody's badge opens the way into a zone at any hour at all."""
    if not person.in_good_standing:
        return False
    return not zone.startswith("archive") or not ARCHIVE_ROLES.isdisjoint(person.character.roles)
