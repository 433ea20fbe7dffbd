"""A visitor's code where no daemon runs: by journal and file of people themselves."""

import os
import time

from controller.ids import HolderId, InputId
from controller.inputs import VisitorCodeAsked
from controller.ledger import PERSONAL_CHARS_MAX, SALT_BYTES, Personal
from controller.visits import on_code_asked
from edge.assembly import settle_people
from edge.clock import SystemClock
from edge.code_desk import SET_CLOCK, UNTRUSTED, nobody
from edge.config import Config
from edge.control.messages_visits import CodeReply, MakeCode
from edge.control.place import PEOPLE_FILE
from edge.erase_closed import opened_writer, turn_of
from edge.people import Made, People, load_site_key
from edge.policy_start import served_next
from edge.recorder import record_of
from edge.restore import restored_state
from edge.visitor_codes import VisitorCodes
from edge.visitor_issue import NotIssuedError, issued, times_of

CAUSE = InputId("visitor-code")


async def code_closed(config: Config, asked: MakeCode, made: Made) -> CodeReply:
    """Record that a code is made, put it on file and tell it. `made`: who asks.

    The next start tells the core of it. Raises JournalError, PeopleError, SiteKeyError.
    """
    if not SystemClock(config.trust_clock).trusted():
        return CodeReply(reason=UNTRUSTED, remedy=SET_CLOCK)
    codes, policy = VisitorCodes(config.site, load_site_key(config.site_key)), served_next(config)
    async with opened_writer(config) as writer:
        with People.open(config.state / PEOPLE_FILE) as people:
            state = await restored_state(writer)
            settle_people(people, state)
            record = people.roll.named(asked.person)
            if record is None:
                return nobody(asked.person)
            holder = HolderId(record.id)
            try:
                times = times_of(record, policy, asked.from_s, asked.hours, int(time.time()))
                code = codes.new(times.from_s, times.until_s, os.urandom)
                change = issued(people.roll, holder, codes.ref(code))
            except NotIssuedError as error:
                return CodeReply(reason=str(error), remedy=error.remedy)
            turn = turn_of(config, writer, people, state, CAUSE)
            salt = os.urandom(SALT_BYTES).hex()
            operator = Personal("operator", made.by[:PERSONAL_CHARS_MAX], salt)
            on_code_asked(
                turn,
                VisitorCodeAsked(
                    id=CAUSE,
                    holder=holder,
                    valid_from_s=times.from_s,
                    valid_until_s=times.until_s,
                    operator=operator,
                ),
            )
            await writer.append([record_of(event) for event in turn.events])
            people.apply(change, made)
    return CodeReply(
        code=codes.text(code),
        valid_from_s=times.from_s,
        valid_until_s=times.until_s,
        timezone=policy.timezone,
    )
