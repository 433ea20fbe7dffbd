"""Whether the journal is written and holds, and how far others have it."""

from collections.abc import Iterator
from datetime import UTC, datetime

from edge.control.calling import ControlClientError
from edge.control.client import Client, NoDaemonError
from edge.control.messages import StatusReply
from edge.control.messages_journal import CheckpointSaid
from edge.control.place import JOURNAL
from edge.doctor import Finding, Patient, fail, ok, warn
from edge.journal import JournalError, JournalMissing, Report, Signers, verify_folder
from edge.journal_keys import public_keys
from edge.present import clean
from edge.witness_keys import Witnesses, witnesses_of

BEHIND_WARN = 10_000
"""Entries that the archive lacks: more than an outage of a day or so at a small site."""

VERIFY = (
    "copy the folder as evidence, run `sentrypost journal verify`, and compare with the archive"
)
SEE_LOG = "see the daemon's log"


def journal(patient: Patient) -> Iterator[Finding]:
    """The daemon's word where one runs; else every entry, snapshot and signature is proved."""
    try:
        with Client(patient.state) as client:
            status = client.status()
            said = client.checkpoints(None)
    except NoDaemonError:
        yield from _closed(patient)
        return
    except ControlClientError as error:
        yield fail(clean(str(error)), clean(error.remedy) or SEE_LOG)
        return
    yield from _of_daemon(patient, status, said)


def _of_daemon(
    patient: Patient, status: StatusReply, said: tuple[CheckpointSaid, ...]
) -> Iterator[Finding]:
    if status.recorded:
        yield ok(f"the edge runs and has written entry {status.seq}")
    else:
        yield fail(
            "the edge runs and its journal CANNOT BE WRITTEN: entry is denied",
            "free space or replace the storage; the daemon tries again by itself",
        )
    if status.safe_mode:
        yield fail(
            "the edge is in SAFE MODE: it kept ending", "docs/operations.md, “After an unclean end”"
        )
    looked = status.looked
    if looked is None:
        yield ok("entries and snapshots are looked through ten minutes after the start")
    elif looked.findings:
        yield fail(f"the last look through the journal found {looked.findings} mistakes", VERIFY)
    else:
        yield ok(f"the last look proved all {looked.entries} entries and the snapshots")
    if status.uplink is not None:
        yield _archived(status.uplink.acked, status.uplink.behind, running=status.uplink.connected)
    yield _cosigned(
        patient, status.seq, max((one.size for one in said if one.cosigned), default=None)
    )


def _closed(patient: Patient) -> Iterator[Finding]:
    try:
        report = verify_folder(
            patient.state / JOURNAL, signers=_signers(patient), progress=patient.progress
        )
    except JournalMissing as error:
        message, _, remedy = str(error).partition("; ")
        if (patient.state / JOURNAL).exists():
            yield fail(clean(message), clean(remedy))
        else:
            yield warn(
                "no edge has run here yet: there is no journal", "start it: `sentrypost run`"
            )
        return
    except JournalError as error:
        message, _, remedy = str(error).partition("; ")
        yield fail(clean(message), clean(remedy) or VERIFY)
        return
    yield from _of_report(patient, report)


def _of_report(patient: Patient, report: Report) -> Iterator[Finding]:
    if report.sound:
        yield ok(f"all {report.entries} entries and {report.snapshots} snapshots hold")
    else:
        first = report.findings[0]
        count = len(report.findings)
        yield fail(clean(f"{count} mistakes, the first at {first.seq}: {first.what}"), VERIFY)
    yield warn("no edge runs here", "start it: `sentrypost run`")
    if patient.config is not None and patient.config.broker is not None:
        yield _archived(report.acked, report.last_seq - report.acked, running=True)
    cosigned = report.checkpoints.cosigned
    yield _cosigned(patient, report.last_seq, None if cosigned is None else cosigned.size)


def _archived(acked: int, behind: int, *, running: bool) -> Finding:
    said = f"the archive has entry {acked}, {behind} are on their way"
    if not running:
        return warn(f"the edge has no broker; {said}", "see the finding about the broker")
    if behind > BEHIND_WARN:
        return warn(said, "see that central runs, and what it and the edge's log say")
    return ok(said)


def _cosigned(patient: Patient, seq: int, size: int | None) -> Finding:
    if patient.config is None or patient.config.witness is None:
        return warn(
            "no witness is named: nobody else remembers how large the journal was",
            "docs/operations.md, “The witness”",
        )
    if size is None:
        return warn(
            "the witness has cosigned nothing yet", "see that central runs with its witness's key"
        )
    return ok(f"the witness has cosigned {size} of {seq} entries{_followed(patient)}")


def _followed(patient: Patient) -> str:
    """Since when its key is another, where it was rotated."""
    witnesses = _witnesses(patient)
    if witnesses is None or not witnesses.successions:
        return ""
    since = datetime.fromtimestamp(witnesses.successions[-1].utc_s, UTC)
    return f"; its key is of {since:%Y-%m-%d}"


def reports(patient: Patient) -> Iterator[Finding]:
    """Whether a running edge keeps its reports up; without one whoever asks for a report does."""
    try:
        with Client(patient.state) as client:
            seen = client.views()
    except ControlClientError:
        return
    if seen.trouble:
        yield warn(
            clean(f"reports stand still at entry {seen.seq}: {seen.trouble}"),
            "see the daemon's log; no door needs them",
        )
    else:
        yield ok(f"reports stand at entry {seen.seq} of {seen.last_seq}")


def _signers(patient: Patient) -> Signers:
    return Signers.under(public_keys(patient.state), _witnesses(patient))


def _witnesses(patient: Patient) -> Witnesses | None:
    return None if patient.config is None else witnesses_of(patient.config.witness, patient.state)
