"""What people ask of the running daemon about visitors' codes."""

import asyncio
from collections.abc import Callable

from controller.ids import HolderId
from controller.inputs import VisitorCodeAsked
from edge.control.messages_visits import CodeReply, MakeCode
from edge.daemon import Daemon
from edge.people import PeopleError
from edge.people_desk import UNWRITABLE, HinderedError, PeopleDesk
from edge.visitor_codes import VisitorCodes
from edge.visitor_issue import NotIssuedError, issued, times_of

LATER = "ask again later"
UNTRUSTED = "the clock is not trusted, and by it a code is valid or not"
SET_CLOCK = "see that a time service sets it; `sentrypost doctor` looks at it"
NOBODY = "give the id that the file of people has"


class CodeDesk:
    """One daemon's. `entropy(n)` gives n unpredictable bytes."""

    def __init__(
        self,
        daemon: Daemon,
        people: PeopleDesk,
        codes: VisitorCodes,
        entropy: Callable[[int], bytes],
    ) -> None:
        self._daemon = daemon
        self._people = people
        self._codes = codes
        self._entropy = entropy

    async def make(self, asked: MakeCode, operator: str) -> CodeReply:
        """As `edge.control.desk.Desk` has it."""
        daemon, now = self._daemon, self._daemon.now()
        record = await asyncio.to_thread(daemon.people.roll.named, asked.person)
        if record is None:
            return nobody(asked.person)
        if not now.trusted:
            return CodeReply(reason=UNTRUSTED, remedy=SET_CLOCK)
        if daemon.recorder.down:
            return CodeReply(reason=UNWRITABLE, remedy=LATER)
        policy = daemon.site.policy
        try:
            times = times_of(record, policy, asked.from_s, asked.hours, now.utc_s)
            code = self._codes.new(times.from_s, times.until_s, self._entropy)
            ref, holder = self._codes.ref(code), HolderId(record.id)
            # What cannot be is not recorded as made.
            await asyncio.to_thread(issued, daemon.people.roll, holder, ref)
            daemon.judge(
                VisitorCodeAsked(
                    id=daemon.new_id(),
                    holder=holder,
                    valid_from_s=times.from_s,
                    valid_until_s=times.until_s,
                    operator=daemon.personal("operator", operator),
                )
            )
            await self._people.issue(holder, ref, operator)
        except NotIssuedError as error:
            return CodeReply(reason=str(error), remedy=error.remedy)
        except (HinderedError, PeopleError) as error:
            # Where it was kept it comes into force, and nobody has it.
            return CodeReply(reason=str(error), remedy=LATER)
        return CodeReply(
            code=self._codes.text(code),
            valid_from_s=times.from_s,
            valid_until_s=times.until_s,
            timezone=policy.timezone,
        )


def nobody(person: str) -> CodeReply:
    return CodeReply(reason=f"nobody on file has the id '{person}'", remedy=NOBODY)
