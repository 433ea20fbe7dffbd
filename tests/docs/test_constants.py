"""Times and limits that the pages name are those of the code."""

import re

import pytest

from controller import fires, portal, state
from drivers.osdp import bus, link
from drivers.osdp.link import OFFLINE_AFTER_NS
from edge import (
    assembly,
    ballast,
    clock,
    daemon,
    keeper,
    kept,
    recorder,
    safe_mode,
    signatures,
    watchdog,
    window,
    wire,
)
from edge.control import listening
from edge.journal import folder, memory, store
from edge.people import history, pins, refs
from tests.docs.pages import ROOT

S = 1_000_000
MIB = 1024 * 1024
WORDS = {2: "two", 3: "three", 5: "five", 8: "eight", 10: "ten"}

OPERATIONS = [
    f"takes longer than {recorder.COMMIT_WITHIN_S:.0f} s counts as failed",
    f"Every {recorder.RETRY_S:.0f} s the journal is opened again",
    f"with less than {ballast.LOW_FACTOR * ballast.BALLAST_BYTES // MIB} MiB free",
    f"Every {WORDS[int(keeper.LOOK_S)]} seconds the edge looks at the room",
    f"Within {WORDS[int(keeper.LOOK_S)]} seconds of a new month",
    f"`ballast`, {ballast.BALLAST_BYTES // MIB} MiB",
    f"{memory.ENTRIES_MAX:,} or {memory.BYTES_MAX // MIB} MiB",
    f"looked at every {daemon.CLOCK_CHECK_S:.0f} s",
    f"jumps by {clock.STEP_US // S} s or more",
    f"gone latches {(OFFLINE_AFTER_NS // 1_000 + fires.GONE_US) // S} s after its last good answer",
    f"within {state.FIRE_FIRST_READING_US // S} s of the start",
    f"`journal/{folder.SEGMENT}` (and `-wal`) | {folder.FILE_MODE:o} |",
    f"`control.sock` | {listening.SOCKET_MODE:o} |",
    f"`{safe_mode.RUNS}` | {safe_mode.FILE_MODE:o} |",
    f"`{kept.KEPT}` | {safe_mode.FILE_MODE:o} |",
    f"come round for {watchdog.LINE_STANDS_S_MAX:.0f} s",
    f"no answer at all for {watchdog.JOURNAL_STANDS_S_MAX:.0f} s",
    f"so that after {watchdog.JOURNAL_STANDS_S_MAX:.0f} s",
    f"random time of up to {assembly.LATE_S_MAX:.0f} s",
    f"After {WORDS[safe_mode.UNCLEAN_ENDS]} unclean ends within "
    f"{WORDS[int(safe_mode.WITHIN_S / 60)]} minutes",
    f"larger than {signatures.ENVELOPE_BYTES_MAX // MIB} MiB, or made by a newer version",
    f"changed in the last {history.TOUCHED_KEPT} versions",
    f"when the edge has run for {WORDS[int(safe_mode.SERVED_S / 60)]} minutes",
]
ARCHITECTURE = [
    f"a lease** of {portal.LEASE_US // S} s, renewed every {portal.LEASE_RENEW_US // S} s",
    f"`not_after_us` {WORDS[portal.STRIKE_WITHIN_US // S]} seconds ahead",
    f"after {WORDS[state.FIRE_FIRST_READING_US // S]} seconds at the latest",
    f"{WORDS[link.FRESH_NS // bus.MS]} milliseconds at most",
    f"offline after {link.OFFLINE_AFTER_NS / 1e9} s",
    f"{WORDS[window.BATCHES_IN_FLIGHT_MAX]} batches in flight",
    f"after {WORDS[int(window.RESEND_S)]} silent seconds",
    f"{WORDS[store.SNAPSHOTS_KEPT]} kept",
    f"zlib above {wire._COMPRESS_ABOVE_BYTES // 1024} KiB",
]
SECURITY = [
    f"Argon2id, {pins.MEMORY_KIB // 1024} MiB and {WORDS[pins.TIME_COST]} passes",
    f"explains the next opening for {WORDS[portal.REX_SHUNT_US // S]} seconds",
    f"socket {listening.SOCKET_MODE:o}",
]
README = [f"{refs.KEY_BYTES} raw bytes", f"head -c {refs.KEY_BYTES} /dev/urandom > site.key"]


@pytest.mark.parametrize(
    ("page", "said"),
    [
        *(("docs/operations.md", said) for said in OPERATIONS),
        *(("docs/architecture.md", said) for said in ARCHITECTURE),
        *(("docs/security.md", said) for said in SECURITY),
        *(("README.md", said) for said in README),
    ],
)
def test_the_page_says_what_the_code_has(page, said):
    assert said in re.sub(r"\s+", " ", (ROOT / page).read_text())
