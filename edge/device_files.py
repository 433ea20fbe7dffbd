"""A file for a device, at a person's word: on record first, then sent, and told as it goes."""

import hashlib
from collections.abc import AsyncGenerator

from controller.events_devices import ServiceStep
from drivers.api import FILE_BYTES_MAX, Command, Outcome, Priority, SendFile
from edge.control.messages_devices import FileShown, SendFileTo, ServiceReply
from edge.daemon import Daemon
from edge.device_book import FILE, Worked
from edge.service_record import note_service, service_on_record
from policies.problems import did_you_mean

WITHIN_NS = 4 * 3600 * 1_000_000_000
"""Longest that a file may take: 4 MiB at 9600 baud through noise."""


async def send_file(
    daemon: Daemon, asked: SendFileTo, content: bytes, operator: str
) -> AsyncGenerator[FileShown | ServiceReply, None]:
    """Send it, telling how far it is, then what became of it. Whoever leaves takes it back."""
    refusal = await _refusal(daemon, asked, content, operator)
    if refusal is not None:
        yield refusal
        return
    book, device = daemon.devices, asked.device
    before = book.of(device).worked.get(FILE)
    now_ns = daemon.now().mono_us * 1_000
    command = Command(
        id=f"file.{daemon.new_id()}",
        device=device,
        action=SendFile(content, asked.kind),
        priority=Priority.SIGNAL,
        not_after_ns=now_ns + WITHIN_NS,
    )
    daemon.devices.errands.add(command.id)
    try:
        driver = next(one for one in daemon.drivers.values() if device in one.devices)
        try:
            book.sent(command)
            driver.submit(command)
        except ValueError as error:
            yield ServiceReply(accepted=False, reason=str(error), remedy="see `device list`")
            return
        told = book.of(device).file
        while True:
            change, known = book.changes, book.of(device)
            if known.file != told:
                told = known.file
                yield FileShown(sent=told[0], total=told[1])
            became = known.worked.get(FILE)
            if became is not None and became is not before:
                yield _answer(became)
                return
            await book.wait_beyond(change)
    finally:
        # Whatever is still on its way is asked for before its next piece, and taken back.
        daemon.devices.errands.discard(command.id)
        became = book.of(device).worked.get(FILE)
        note_service(daemon, device, *_end(None if became is before else became))


async def _refusal(
    daemon: Daemon, asked: SendFileTo, content: bytes, operator: str
) -> ServiceReply | None:
    """What speaks against it; with nothing, it is on record that it begins."""
    book, device = daemon.devices, asked.device
    if device not in book.names:
        hint = did_you_mean(device, book.names) or "`sentrypost device list` names them"
        return ServiceReply(accepted=False, reason=f"no device '{device}'", remedy=hint)
    if not book.of(device).online:
        away = f"'{device}' is away: {book.of(device).reason}"
        return ServiceReply(accepted=False, reason=away, remedy="see `sentrypost device list`")
    if not 0 < len(content) <= FILE_BYTES_MAX:
        size = f"a file for a device has 1 to {FILE_BYTES_MAX} bytes, this one {len(content)}"
        return ServiceReply(accepted=False, reason=size, remedy="is it the right one?")
    if daemon.recorder.down:
        reason = "the journal cannot be written; it would not be on record"
        return ServiceReply(accepted=False, reason=reason, remedy="mend the disk first")
    digest = hashlib.sha256(content).hexdigest()
    detail = f"kind {asked.kind}, {len(content)} bytes, SHA-256 {digest}"
    await service_on_record(daemon, device, ServiceStep.FILE_BEGUN, detail, operator)
    return None


def _end(became: Worked | None) -> tuple[ServiceStep, str]:
    if became is None:
        return ServiceStep.FILE_ENDED, "taken back before it had arrived"
    if became.outcome is Outcome.CONFIRMED:
        return ServiceStep.FILE_SENT, ""
    return ServiceStep.FILE_ENDED, became.reason or became.outcome.value


def _answer(became: Worked) -> ServiceReply:
    if became.outcome is Outcome.CONFIRMED:
        return ServiceReply(accepted=True, reason="the device has the whole file and took it")
    return ServiceReply(
        accepted=False,
        reason=became.reason or f"it ended as {became.outcome.value}",
        remedy="the device has nothing of it; ask its maker what it takes, then send it again",
    )
