"""People one by one where no daemon runs: by the file of people itself.

The next start records what was changed, as it does with an import.
"""

import time
from collections.abc import Iterator

from edge.config import Config
from edge.control.messages import ImportPeopleReply
from edge.control.messages_people import (
    BadgeEnd,
    BadgeReply,
    ChangeBadge,
    FindPeople,
    PeopleReply,
    PutPerson,
    ShowPersonReply,
)
from edge.control.place import PEOPLE_FILE, STATE_MODE
from edge.people import Made, People, PinHasher, answer, load_site_key, plan_person, seal
from edge.people.badges import AlreadySoError, BadgeChangeError, badge_change
from edge.person_desk import LOOK, brought, nobody, refused
from edge.persons import NOWHERE, NotSoughtError, detail, found
from edge.policy_start import served_next


def find_closed(config: Config, asked: FindPeople) -> Iterator[PeopleReply]:
    """As the daemon has it; nobody knows where people are. Raises PeopleError."""
    with People.open(config.state / PEOPLE_FILE) as people:
        try:
            yield from found(people.roll, asked, served_next(config), NOWHERE, int(time.time()))
        except NotSoughtError as error:
            yield PeopleReply(reason=str(error), remedy=error.remedy)


def show_closed(config: Config, person: str) -> ShowPersonReply:
    """As the daemon has it; nobody knows where people are. Raises PeopleError."""
    with People.open(config.state / PEOPLE_FILE) as people:
        record = people.roll.named(person)
        if record is None:
            return ShowPersonReply(reason=nobody(person), remedy=LOOK, live=False)
        return ShowPersonReply(
            timezone=served_next(config).timezone,
            utc_s=int(time.time()),
            detail=detail(people, record, None),
            live=False,
        )


def put_closed(config: Config, asked: PutPerson, made: Made) -> ImportPeopleReply:
    """As the daemon has it. `made`: who asks. Raises PeopleError, SiteKeyError, PinHashError."""
    path = config.state / PEOPLE_FILE
    if asked.new:
        path.parent.mkdir(mode=STATE_MODE, exist_ok=True)
    with People.open(path, create=asked.new) as people:
        plan = plan_person(
            people.roll,
            asked.cells(),
            served_next(config),
            load_site_key(config.site_key),
            new=asked.new,
            formats=config.badges.cards,
            duress_is_told=bool(config.recipients),
        )
        applied = False
        if not plan.problems and not asked.dry_run:
            change = seal(plan, PinHasher())
            if change:
                people.apply(change, made)
                applied = True
        return answer(plan, people.version, applied=applied)


def change_badge_closed(config: Config, asked: ChangeBadge, made: Made) -> BadgeReply:
    """As the daemon has it. `made`: who asks. Raises PeopleError."""
    with People.open(config.state / PEOPLE_FILE) as people:
        record = people.roll.named(asked.person)
        if record is None:
            return refused(nobody(asked.person), LOOK)
        try:
            change = badge_change(people.roll, record, asked.badge, asked.to)
        except AlreadySoError as error:
            return BadgeReply(end=BadgeEnd.ALREADY, reason=str(error), remedy=error.remedy)
        except BadgeChangeError as error:
            return refused(str(error), error.remedy)
        people.apply(change, made)
        return brought(change, people.version)
