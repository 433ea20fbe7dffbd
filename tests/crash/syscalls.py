"""The kernel refuses a real edge's system calls: strace answers some of them in its place."""

import asyncio
from pathlib import Path
from typing import NamedTuple

from controller import events as ev
from edge.journal import verify_folder
from tests.crash.kills import Subscriber, differing
from tests.edge.house import ADA, House
from tests.edge.process import PATIENCE_S, entries, running_process
from tests.servers import require

BADGES_AFTER = 2
"""When the journal is written again."""

LOST, RESTORED = "the journal cannot be written:", "the journal is written again"


class Refusal(NamedTuple):
    """A system call, the error that it ends with, and which of them in one thread do."""

    call: str
    error: str
    first: int
    times: int

    def command(self, log: Path) -> list[str]:
        """What runs the rest of its line so; the process is the program itself and not strace."""
        when = f"{self.first}..{self.first + self.times - 1}"
        return [
            *(str(require("strace")), "-D", "-f", "-qq", "-o", str(log)),
            *("-e", f"trace={self.call}"),
            *("-e", f"inject={self.call}:error={self.error}:when={when}"),
        ]


class Refused(NamedTuple):
    """What came of it: `wrong` is empty when everything held."""

    injected: int
    lost: int
    """How often the journal said that it could not be written."""

    told: int
    wrong: list[str]


def refused(folder: Path, refusal: Refusal) -> Refused:
    """Badges at an edge until its journal was refused something, and is written again."""
    folder.mkdir()
    house, log = House(folder), folder.with_suffix(".strace")
    journal = folder / "state" / "journal"
    subscriber = Subscriber(folder / "state")

    async def run() -> None:
        async with (
            house.line(),
            running_process(house, sandbox=refusal.command(log)) as edge,
        ):
            subscriber.start()
            async with asyncio.timeout(2 * PATIENCE_S):
                while LOST not in edge.said:
                    house.badge("front-in", ADA)
                    await asyncio.sleep(0.05)
                while edge.said.count(LOST) > edge.said.count(RESTORED):
                    await asyncio.sleep(0.05)
            for _ in range(BADGES_AFTER):
                await edge.badge_opens()
            status = await edge.stop()
            assert status == 0, edge.said

    asyncio.run(run())
    subscriber.done = True
    report = verify_folder(journal)
    wrong = [f"{one}" for one in report.findings]
    wrong += [*subscriber.wrong, *differing(journal, subscriber.told)]
    lost, restored = entries(house, ev.JournalLost), entries(house, ev.JournalRestored)
    if len(lost) != len(restored):
        wrong.append(f"{len(lost)} times lost, {len(restored)} times restored")
    wrong += [f"{one.dropped} dropped" for one in restored if one.dropped]
    injected = log.read_text(errors="replace").count("(INJECTED)")
    return Refused(injected, len(lost), len(subscriber.told), wrong)
