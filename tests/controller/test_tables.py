"""The two tables, row by row as the design has them; every state answers every signal."""

from pathlib import Path

import pytest

from controller import attempt, portal
from controller.events import KINDS, kind_of
from controller.ids import AttemptId, ReaderId
from controller.portal import IGNORED, Move, Note, Signal, State
from controller.turn import _PLAIN, _SAYING_MORE
from policies.facts import Direction

S = State

# state, signal, where to ("=": stays, "settled": what the record calls for), what is recorded
ROWS = """
locked granted granted granted
locked opened forced forced
locked opened-from-inside open opened
locked closed = -
locked leased leased leased
locked released released released
locked secured secured secured
locked link-lost unknown lost
locked contact-faulted fault faulted
locked exit-requested = exit-requested
locked exit-stuck = exit-stuck
locked patience-ended = -
secured granted granted granted
secured opened forced forced
secured secure-ended settled secure-ended
secured released released released
granted opened open passed
granted opened-from-inside open passed
granted aborted settled aborted
granted grant-ended settled unused
granted released released released
granted link-lost unknown lost
granted secured = secured
granted closed = -
open closed settled closed
open patience-ended held held
open grant-ended = passed
open opened = -
open released released released
held patience-ended = never-closed
held closed settled closed
held granted open granted
forced patience-ended = never-closed
forced closed settled closed
forced granted = granted
forced grant-ended = unused
forced released released released
leased lease-ended settled lease-ended
leased opened = opened
leased closed = closed
leased granted = -
leased grant-ended = unused
leased released released released
leased link-lost unknown lost
leased contact-faulted fault faulted
released granted = -
released aborted = -
released opened = opened
released closed = closed
released contact-faulted = faulted
released patience-ended = -
released grant-ended = -
released leased = -
released lease-ended = -
released released = -
released secured = secured
released link-lost = lost
released link-found = found
released release-ended settled release-ended
released exit-requested = exit-requested
unknown opened settled settled
unknown closed settled settled
unknown link-found settled found
unknown released released released
unknown granted = granted
unknown grant-ended = unused
unknown aborted = aborted
unknown lease-ended = lease-ended
unknown patience-ended = -
fault closed settled settled
fault opened settled settled
fault contact-faulted = -
fault released released released
fault link-lost unknown lost
"""


def told(state: State, move: Move) -> tuple[str, str]:
    where = "settled" if move.settle else "=" if move.target in {None, state} else move.target
    return str(where), str(move.note or "-")


@pytest.mark.parametrize("row", ROWS.strip().splitlines())
def test_a_row_of_the_portal(row: str) -> None:
    state, signal, where, note = row.split()
    assert told(State(state), portal.TABLE[State(state)][Signal(signal)]) == (where, note)


def test_nothing_but_its_own_end_leaves_the_release() -> None:
    leaving = {signal for signal, move in portal.TABLE[S.RELEASED].items() if move.settle}
    leaving |= {signal for signal, m in portal.TABLE[S.RELEASED].items() if m.target is not None}
    assert leaving == {Signal.RELEASE_ENDED}


@pytest.mark.parametrize("state", [one for one in State if one is not State.RELEASED])
def test_a_release_is_heard_in_every_state(state: State) -> None:
    assert portal.TABLE[state][Signal.RELEASED] == Move(S.RELEASED, Note.RELEASED)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize(
    "signal", [Signal.EXIT_REQUESTED, Signal.EXIT_LET_GO, Signal.EXIT_STUCK, Signal.EXIT_OVER]
)
def test_a_request_to_exit_is_heard_in_every_state_and_moves_none(
    state: State, signal: Signal
) -> None:
    move = portal.TABLE[state][signal]
    assert move.note is not None
    assert move.target is None
    assert not move.settle


def test_only_a_grant_a_lease_and_a_release_lead_to_an_unlocked_portal() -> None:
    unlocked = {S.GRANTED: Signal.GRANTED, S.LEASED: Signal.LEASED, S.RELEASED: Signal.RELEASED}
    for state, row in portal.TABLE.items():
        for signal, move in row.items():
            if move.target in unlocked:
                assert signal is unlocked[move.target], (state, signal)


def test_what_changes_nothing_records_nothing_and_the_reverse() -> None:
    for row in portal.TABLE.values():
        for move in row.values():
            assert (move.note is None) == (move == IGNORED)


NOTES = """
granted portal-granted | passed passage-made | unused grant-unused | aborted grant-aborted
opened portal-opened | forced portal-forced | held portal-held
close-asked close-asked
never-closed portal-never-closed | closed portal-closed | faulted contact-faulted
exit-requested exit-requested | exit-let-go exit-let-go
exit-stuck exit-stuck | exit-over exit-over
leased portal-leased | lease-ended lease-ended | released egress-released
release-ended egress-ended | secured portal-secured | secure-ended secure-ended
lost portal-lost | found portal-found | settled portal-settled
"""


def test_each_note_is_an_event_of_its_own() -> None:
    said = dict(pair.split() for line in NOTES.strip().splitlines() for pair in line.split("|"))
    made = {note: kind_of(kind) for note, kind in (_PLAIN | _SAYING_MORE).items()}
    assert made == said
    assert set(made.values()) <= set(KINDS)
    assert len(set(made.values())) == len(Note)


ATTEMPTS = """
presented pin-needed awaiting-pin
presented face-needed awaiting-face
presented finger-needed awaiting-finger
presented guard-needed awaiting-guard
presented second-needed awaiting-second
presented decided decided
presented dropped abandoned
presented answered -
awaiting-pin answered presented
awaiting-pin patience-ended abandoned
awaiting-pin dropped abandoned
awaiting-pin decided -
awaiting-pin pin-needed -
awaiting-face answered presented
awaiting-guard answered presented
decided answered -
decided pin-needed -
abandoned answered -
abandoned decided -
"""


@pytest.mark.parametrize("row", ATTEMPTS.strip().splitlines())
def test_a_row_of_the_attempt(row: str) -> None:
    state, signal, where = row.split()
    move = attempt.TABLE[attempt.State(state)][attempt.Signal(signal)]
    assert str(move.target or "-") == where


def test_nobody_is_decided_twice_and_every_factor_but_the_badge_can_be_waited_for() -> None:
    for state in (attempt.State.DECIDED, attempt.State.ABANDONED):
        assert set(attempt.TABLE[state].values()) == {attempt.IGNORED}
    needs = [signal for signal in attempt.Signal if signal.endswith("-needed")]
    waiting = {attempt.TABLE[attempt.State.PRESENTED][signal].target for signal in needs}
    assert len(waiting) == len(needs) == 5, "PIN, face, finger, guard and a second person"


@pytest.mark.parametrize("state", attempt.State)
def test_an_attempt_ends_only_where_its_table_lets_it(state: attempt.State) -> None:
    begun = attempt.Attempt(
        id=AttemptId("a"),
        reader=ReaderId("r"),
        portal="p",
        direction=Direction.ENTRY,
        holder=None,
        credential=None,
        policy="",
        state=state,
    )
    for signal in attempt.Signal:
        target = attempt.TABLE[state][signal].target
        if target in {attempt.State.DECIDED, attempt.State.ABANDONED}:
            assert attempt.ended(begun, signal).state is target
        else:
            with pytest.raises(AssertionError):
                attempt.ended(begun, signal)


@pytest.mark.parametrize(
    ("module", "line"),
    [
        (portal, "    State.UNKNOWN: _UNSEEN,\n"),
        (portal, "    Signal.GRANT_ENDED: IGNORED,\n"),
        (attempt, "    State.ABANDONED: _ENDED,\n"),
        (attempt, "    Signal.DROPPED: Move(State.ABANDONED),\n"),
    ],
)
def test_a_table_with_a_gap_cannot_be_imported(module: object, line: str) -> None:
    source = Path(str(getattr(module, "__file__", ""))).read_text()
    assert source.count(line) == 1
    name = str(getattr(module, "__name__", ""))
    with pytest.raises(AssertionError):
        exec(compile(source.replace(line, ""), name, "exec"), {"__name__": name})
