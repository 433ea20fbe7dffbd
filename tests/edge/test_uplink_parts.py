"""The uplink's arithmetic and messages, without a broker."""

import random
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller import ledger
from controller.events import ENTRY_BYTES_MAX
from edge import wire
from edge.topics import CENTRAL, TopicError, Topics, parse
from edge.window import BATCHES_IN_FLIGHT_MAX, RESEND_S, Window

INCARNATION = "0123456789abcdef"

# --- topics -----------------------------------------------------------------------------------


def test_topics_are_those_of_the_design() -> None:
    topics = Topics("embassy-vienna", "gate-1")
    own = "sentrypost/v1/embassy-vienna/gate-1"
    assert topics.status == f"{own}/status"
    assert topics.journal == f"{own}/journal"
    assert topics.journal_ack == f"{own}/journal/ack"
    assert topics.request == f"{own}/request"
    assert topics.event("portal-forced") == f"{own}/event/portal-forced"
    assert topics.alarm("a-1") == f"{own}/alarm/a-1"
    assert topics.portal("main-gate") == f"{own}/portal/main-gate"
    assert topics.posture == f"{own}/posture"
    assert topics.muster == f"{own}/muster"
    assert topics.order == f"{own}/order"
    assert topics.order_ack("0f3e") == f"{own}/order/ack/0f3e"
    assert topics.orders == f"{own}/orders"
    assert Topics("hq", CENTRAL).order == "sentrypost/v1/hq/_central/order"


BAD_LEVELS = ["", "a/b", "+", "#", "a+", "A", "ä", "a b", "a.b", "a\x00", "a\n", "x" * 65, "$sys"]


@pytest.mark.parametrize("bad", BAD_LEVELS)
def test_names_that_no_topic_may_hold_are_refused(bad: str) -> None:
    for make in (
        lambda: Topics(bad, "gate-1"),
        lambda: Topics("site", bad),
        lambda: Topics("site", "gate-1").event(bad),
        lambda: Topics("site", "gate-1").alarm(bad),
        lambda: Topics("site", "gate-1").portal(bad),
        lambda: Topics("site", "gate-1").order_ack(bad),
    ):
        with pytest.raises(TopicError):
            make()
    if "/" not in bad:  # which is two levels, and each of them good
        for topic in (f"{bad}/gate-1/journal", f"site/{bad}/journal", f"site/gate-1/event/{bad}"):
            with pytest.raises(TopicError):
                parse(f"sentrypost/v1/{topic}")


@pytest.mark.parametrize("bad", ["1gate", "-gate", "_gate", "_centra", "__central"])
def test_an_edge_starts_with_a_letter(bad: str) -> None:
    with pytest.raises(TopicError):
        Topics("site", bad)


@pytest.mark.parametrize(
    "topic",
    ["", "sentrypost/v1", "sentrypost/v1/a/b", "sentrypost/v2/a/b/c", "other/v1/a/b/c", "x" * 9999],
)
def test_a_topic_that_is_not_ours_is_refused(topic: str) -> None:
    with pytest.raises(TopicError):
        parse(topic)


def test_a_topic_is_taken_apart_again() -> None:
    address = parse(Topics("hq", "gate-1").order_ack("0f"))
    assert (address.site, address.edge, address.leaf) == ("hq", "gate-1", "order/ack/0f")


# --- messages ---------------------------------------------------------------------------------


def batch(*entries: str, personal: tuple[ledger.Personal, ...] = ()) -> wire.Batch:
    sent = tuple(wire.SentEntry(entry=entry, personal=personal) for entry in entries)
    return wire.Batch(incarnation=INCARNATION, first=1, entries=sent)


@given(st.lists(st.text(max_size=300), min_size=1, max_size=100))
def test_an_entry_survives_byte_for_byte_whatever_it_holds(texts: list[str]) -> None:
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]
    entries = [msgspec.json.encode({"b": text, "a": 1.0e5, "é": "\u2028"}) for text in texts]
    sent = batch(*(entry.decode() for entry in entries))
    back = wire.decode_batch(wire.encode_batch(sent))
    assert [entry.data for entry in back.entries] == entries
    assert back == sent


def test_an_entry_survives_somebody_else_who_reads_and_writes_the_message() -> None:
    import json

    entry = '{"b": 1.50, "a":"\\u00e9", "big":9007199254740993 }'
    small = wire.encode_batch(batch(entry))
    assert small[:1] == b"{"
    again = json.dumps(json.loads(small), indent=4).encode()
    assert wire.decode_batch(again.lstrip()).entries[0].data == entry.encode()


def test_a_large_batch_is_compressed_and_says_so() -> None:
    sent = batch(*('{"same":"over and over"}' for _ in range(100)))
    payload = wire.encode_batch(sent)
    assert payload[:1] == b"x"
    assert len(payload) < 1000
    assert wire.decode_batch(payload) == sent


def test_the_largest_entry_fits_with_its_personal_values() -> None:
    noise = random.Random(1)
    person = ledger.Personal(field="f" * 64, value="\x01" * 512, salt="0" * 32)
    entry = "".join(noise.choice('"\\\x7f') for _ in range(ENTRY_BYTES_MAX))
    sent = batch(entry, personal=(person,) * wire.PERSONAL_MAX)
    assert wire.decode_batch(wire.encode_batch(sent)) == sent


def test_a_batch_that_no_receiver_accepts_is_not_made() -> None:
    with pytest.raises(wire.TooLargeError):
        wire.encode_batch(batch(*('"' * ENTRY_BYTES_MAX for _ in range(10))))


GOOD = wire.encode_batch(batch('{"a":1}'))


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"null",
        b"x\x9c",
        zlib.compress(GOOD)[:-1],
        zlib.compress(GOOD) + b"x",
        zlib.compress(b" " * 50_000_000),
        b"{" * 100_000,
        b"[" * 100_000,
        b'{"v":1,"incarnation":"0123456789abcdef","from":1,"entries":[]}',
        GOOD.replace(b'"from":1', b'"from":0'),
        GOOD.replace(b'"from":1', b'"from":99999999999999999999'),
        GOOD.replace(b"0123456789abcdef", b"0123456789abcde/"),
        GOOD.replace(b'"entry"', b'"other"'),
        GOOD.replace(b"a", b"\xff"),
        b" " * (wire.BATCH_BYTES_MAX + 1),
    ],
)
def test_what_is_no_batch_is_refused(payload: bytes) -> None:
    for decode in (wire.decode_batch, wire.decode_ack, wire.decode_status):
        with pytest.raises(wire.WireError):
            decode(payload)


@given(st.binary(max_size=300))
def test_garbage_raises_nothing_but_wire_errors(payload: bytes) -> None:
    for decode in (wire.decode_batch, wire.decode_ack, wire.decode_status):
        with pytest.raises(wire.WireError):
            decode(payload)


def test_a_lone_surrogate_is_refused_where_it_is_stored() -> None:
    """JSON can name one; UTF-8 cannot hold it, so no entry of ours has it."""
    payload = GOOD.replace(b'{\\"a\\":1}', b"\\ud800")
    with pytest.raises(wire.WireError):
        wire.decode_batch(payload)


def status(boot: int, number: int, *, alive: bool, incarnation: str = INCARNATION) -> wire.Status:
    return wire.Status(
        alive=alive, incarnation=incarnation, boot=boot, number=number, version="0.1.0"
    )


@pytest.mark.parametrize(
    ("known", "news", "expected"),
    [
        (None, status(5, 1, alive=False), True),
        (status(5, 1, alive=True), status(5, 1, alive=False), True),
        (status(5, 2, alive=True), status(5, 1, alive=False), False),
        (status(9, 1, alive=True), status(5, 7, alive=False), False),
        (status(5, 1, alive=True), status(5, 2, alive=True), True),
        (status(5, 2, alive=True), status(5, 1, alive=True), False),
        (status(5, 1, alive=False), status(5, 1, alive=True), True),
        (status(5, 9, alive=True), status(0, 1, alive=True, incarnation="f" * 16), True),
        (status(5, 9, alive=True), status(9, 1, alive=False, incarnation="f" * 16), False),
    ],
)
def test_a_death_ends_the_connection_that_it_names(
    known: wire.Status | None, news: wire.Status, expected: bool
) -> None:
    assert news.replaces(known) is expected


# --- go-back-N --------------------------------------------------------------------------------


def test_the_window_opens_moves_and_returns() -> None:
    window = Window(10)
    for last in range(11, 11 + BATCHES_IN_FLIGHT_MAX):
        assert not window.full
        window.launched(last, bytes([last]), 0.0)
    assert window.full
    assert window.chain_at(12) == bytes([12])
    assert window.stored(12, 1.0)
    assert not window.stored(12, 1.0), "said twice"
    assert not window.stored(11, 1.0), "said late"
    assert (window.base, window.flying) == (12, BATCHES_IN_FLIGHT_MAX - 2)
    assert not window.stalled(1.0 + RESEND_S - 0.01)
    assert window.stalled(1.0 + RESEND_S)
    window.restart(3.0)
    assert (window.sent, window.flying, window.stalled(9.0)) == (12, 0, False)
    assert window.stored(15, 4.0), "what flew before the return had arrived"
    assert (window.base, window.sent) == (15, 15)


def test_nobody_is_sent_one_batch_at_a_time() -> None:
    window = Window(0)
    for last in range(1, 1 + BATCHES_IN_FLIGHT_MAX):
        window.launched(last, b"", 0.0)
    window.probe(RESEND_S)
    window.launched(1, b"", RESEND_S)
    assert window.full
    assert window.stored(1, 3.0)
    for last in range(2, 2 + BATCHES_IN_FLIGHT_MAX):
        assert not window.full, "somebody is there again"
        window.launched(last, b"", 3.0)
    assert window.full


def test_returns_are_rare_however_often_they_are_asked_for() -> None:
    window = Window(10)
    window.launched(20, b"", 0.0)
    assert window.missing(0, 0.0)
    assert (window.base, window.sent) == (0, 0)
    assert not any(window.missing(0, RESEND_S - 0.1) for _ in range(1000))
    assert window.missing(0, RESEND_S)


@given(st.integers(0, 2**32), st.floats(0, 0.6), st.integers(0, 300))
def test_everything_arrives_over_a_wire_that_loses_doubles_and_delays(
    seed: int, loss: float, start: int
) -> None:
    """The archive stores what comes and answers with its mark; either way may lose or double."""
    chance = random.Random(seed)
    window, last, now_s = Window(start), start + 400, 0.0
    stored, wire_down, wire_up = set(range(1, start + 1)), [], []
    for _ in range(20_000):
        now_s += 0.05
        if window.stalled(now_s):
            window.probe(now_s)
        while not window.full and window.sent < last:
            first, upto = window.sent + 1, min(window.sent + chance.randint(1, 30), last)
            wire_up += [(first, upto)] * (0 if chance.random() < loss else chance.randint(1, 2))
            window.launched(upto, b"", now_s)
        if wire_up:
            first, upto = wire_up.pop(0 if chance.random() < 0.8 else -1)
            stored.update(range(first, upto + 1))
            mark = next(seq for seq in range(start, last + 2) if seq + 1 not in stored)
            gap = any(seq > mark for seq in stored)
            if chance.random() >= loss:
                wire_down.append((mark, gap))
        if wire_down and chance.random() < 0.7:
            mark, gap = wire_down.pop(0)
            window.stored(mark, now_s)
            if gap:
                window.missing(mark, now_s)
            assert window.base <= max(stored)
        if window.base == last:
            break
    assert window.base == last
    assert stored == set(range(1, last + 1))
