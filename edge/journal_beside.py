"""What sees to the journal beside the daemon: size, soundness, segments, certificates."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from controller.inputs import JournalLookedThrough
from edge.certificates import CertificateWatch
from edge.checkpoints import Checkpointer
from edge.config import Config
from edge.daemon import Alongside, Daemon
from edge.journal import Report, Signers
from edge.journal_keys import KeyRing
from edge.keeper import Keeper
from edge.scrubber import Scrubber
from edge.witness_keys import WitnessRing

if TYPE_CHECKING:
    from edge.assembly import Outside


def _no_room_asked() -> bool:
    return False


def signers_of(ring: KeyRing, witness: WitnessRing | None) -> Signers:
    """Under a key of this run alone nothing else was signed, and nothing is judged by it."""
    keys = () if ring.keys.of_this_run else ring.keys.publics
    return Signers.under(keys, None if witness is None else witness.witnesses)


def scrubber_of(outside: "Outside", daemon: Daemon, signers: Callable[[], Signers]) -> Scrubber:

    def unsound(report: Report) -> None:
        first = report.first_bad
        assert first is not None, "a journal without findings is sound"
        daemon.judge(
            JournalLookedThrough(
                id=daemon.new_id(),
                findings=len(report.findings),
                entry=max(0, first.seq),
                what=first.what,
            )
        )

    return Scrubber(outside.writer, signers, lambda: outside.clock.moment().utc_us, unsound)


def _keeper(
    config: Config,
    outside: "Outside",
    daemon: Daemon,
    checkpoints: Checkpointer,
    signers: Callable[[], Signers],
) -> Keeper:
    ballast = outside.ballast
    return Keeper(
        daemon,
        checkpoints,
        outside.clock.moment,
        config.retention,
        signers,
        _no_room_asked if ballast is None else ballast.room_is_low,
    )


def journal_beside(
    config: Config,
    outside: "Outside",
    daemon: Daemon,
    checkpoints: Checkpointer,
    scrubber: Scrubber,
    watch: CertificateWatch | None,
) -> Alongside:
    """What sees to the journal, and to the certificates where there are any."""
    keeper = _keeper(config, outside, daemon, checkpoints, lambda: scrubber.signers)
    kept = {"keeper": keeper.run, "checkpoints": checkpoints.run, "scrubber": scrubber.run}
    return kept if watch is None else kept | {"certificates": watch.run}
