"""The control socket: real server, real client, real journal."""

import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller import events as ev
from controller.ledger import commitment, leaf, link, origin
from controller.portal import Contact, State
from edge.consent_orders import CONSENT_BYTES_MAX
from edge.control import conversation as talking
from edge.control import frames, streams
from edge.control import messages as m
from edge.control.client import (
    Client,
    ConnectionLostError,
    ControlClientError,
    RefusedError,
)
from edge.control.messages_journal import VerifyJournal, VerifyProgress
from edge.control.messages_policy import RoleHeld
from edge.control.peer import account_name
from edge.journal import Stored
from edge.signatures import ENVELOPE_BYTES_MAX
from policies.facts import ScreeningResult
from tests.edge.control.rig import (
    Running,
    ended,
    house_policy,
    person,
    raw,
    receive,
    ticks,
    until,
)

ME = account_name(os.geteuid())


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path / "state") as running:
        yield running


# --- questions --------------------------------------------------------------------------------


def test_status_crosses_the_socket_whole(daemon: Running) -> None:
    with Client(daemon.state) as client:
        status = client.status()
    assert status == daemon.desk.status()
    assert client.me == ME
    front = next(portal for portal in status.portals if portal.id == "front")
    assert (front.state, front.contact) == (State.FORCED, Contact.OPEN)
    assert {portal.id: portal.observable for portal in status.portals} == {
        "front": True,
        "vault-door": False,
    }, "what has no contact is never shown as measured"
    assert [(fire.id, fire.latched) for fire in status.fires] == [("panel", True)]
    assert [(reader.id, reader.online) for reader in status.readers] == [
        ("front-in", False),
        ("vault-in", False),
    ]
    assert status.policy_digest == house_policy().digest
    assert (status.seq, status.timezone) == (3, "Europe/Vienna")


def test_entries_come_as_stored_and_verify_at_the_other_end(daemon: Running) -> None:
    name = person("Ada L")
    reset = ev.FireReset(fire="panel", after=ev.Fire(), operator=commitment(name))
    daemon.record(reset, personal=(name,))
    with Client(daemon.state) as client:
        status = client.status()
        entries = list(client.entries(1))
    assert [entry.seq for entry in entries] == [1, 2, 3, 4]
    chain = origin(status.site, status.edge, status.incarnation)
    for entry in entries:
        chain = link(chain, leaf(entry.entry.encode()))
        assert entry.chain == chain.hex()
    assert entries[3].personal == (name,)


def test_entries_are_cut_to_what_a_frame_holds(daemon: Running) -> None:
    # Quotes are doubled in a frame: 500 of these are more than 1 MiB as stored already.
    stop = ev.EdgeStopping(reason='"' * 400)
    started = ev.EdgeStarted(version="v", policy="p", fires=(), portals=("p" * 60,) * 100)
    daemon.record(*([stop, started] * 400))
    with Client(daemon.state) as client:
        assert 0 < len(client.read(1).entries) < m.READ_ENTRIES_MAX
        assert [entry.seq for entry in client.entries(1)] == list(range(1, 804))
        assert [entry.seq for entry in client.entries(700, 702)] == [700, 701, 702]


def test_nothing_past_the_end(daemon: Running) -> None:
    with Client(daemon.state) as client:
        assert client.read(4) == m.Entries(entries=(), last_seq=3)


def test_the_operator_is_who_the_kernel_says(daemon: Running) -> None:
    with Client(daemon.state) as client:
        assert client.reset_fire("panel").accepted
        refused = client.reset_fire("cellar")
    assert (refused.accepted, refused.reason) == (False, "no fire input 'cellar'")
    assert daemon.desk.asked == [("reset", "panel", ME), ("reset", "cellar", ME)]


def test_no_message_can_name_the_operator(daemon: Running) -> None:
    with raw(daemon) as connection:
        body = b'{"type":"ResetFire","fire":"panel","operator":"chief"}'
        connection.sendall(len(body).to_bytes(4, "big") + body)
        refused = receive(connection)
    assert isinstance(refused, m.Refused)
    assert "unknown field `operator`" in refused.reason
    assert daemon.desk.asked == []


def test_an_import_and_its_problems(daemon: Running) -> None:
    with Client(daemon.state) as client:
        assert client.import_people(b"id\n1\n", dry_run=True).applied is False
        done = client.import_people(b"id\n1\n", dry_run=False)
        assert (done.applied, done.added, done.version) == (True, 2, 4)
        bad = client.import_people(b"bad", dry_run=False)
        assert [(p.row, p.column, p.message) for p in bad.problems] == [
            (2, "roles", "no role 'bad'")
        ]
        with pytest.raises(RefusedError, match="takes 700000 at once"):
            client.import_people(b"x" * (m.CSV_BYTES_MAX + 1), dry_run=True)
        most = client.import_people(b"\n" * m.CSV_BYTES_MAX, dry_run=True)
        assert most.added == m.CSV_BYTES_MAX, "the largest file passes"


def test_a_long_import_is_waited_for_by_heartbeats(
    daemon: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talking, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr("edge.control.calling.DAEMON_SILENT_S", 0.3)
    daemon.desk.slow_s = 1.0
    with Client(daemon.state) as client:
        assert client.import_people(b"id\n", dry_run=False).applied


def test_an_import_does_not_end_with_its_client(daemon: Running) -> None:
    daemon.desk.slow_s = 0.3
    with raw(daemon) as connection:
        connection.sendall(frames.frame(m.ImportPeople(csv=b"id\n", dry_run=False)))
        until(lambda: daemon.desk.asked)
    until(lambda: daemon.clients() == 0)
    with Client(daemon.state) as client:
        assert client.status().seq == 3


def test_no_repr_shows_a_file_with_pins() -> None:
    assert "4711" not in repr(m.ImportPeople(csv=b"id,pin\n1,4711\n", dry_run=True))


def test_a_change_set_larger_than_a_frame_passes_in_parts(daemon: Running) -> None:
    large = bytes(range(256)) * 12_000
    daemon.desk.to_sign = large
    with Client(daemon.state) as client:
        assert client.take_people(large, dry_run=False).applied
        assert not client.take_people(b"small", dry_run=True).applied
        to_sign, about = client.export_people(3)
        assert client.people_history(7).reason == "none of 7"
    assert (to_sign, about.base, about.number) == (large, 3, 4)
    assert daemon.desk.asked == [
        ("take", hashlib.sha256(large).hexdigest(), ME, "False"),
        ("take", hashlib.sha256(b"small").hexdigest(), ME, "True"),
    ]
    assert "secret" not in repr(m.FilePart(data=b"secret"))


def test_a_signed_policy_travels_in_parts_as_well(daemon: Running) -> None:
    large = bytes(range(256)) * 9_000
    with Client(daemon.state) as client:
        assert client.load_policy(large).applied
        assert client.return_policy().reason == "nothing before"
        assert client.policy_status().signed_by == ("Anna", "Ben")
        assert client.take_people(b"people", dry_run=False).applied
    assert daemon.desk.asked == [
        ("load", hashlib.sha256(large).hexdigest(), ME),
        ("return", ME),
        ("take", hashlib.sha256(b"people").hexdigest(), ME, "False"),
    ]


def test_what_is_asked_about_visits_carries_who_asks(daemon: Running) -> None:
    envelope = bytes(range(256)) * (CONSENT_BYTES_MAX // 256)
    with Client(daemon.state) as client:
        assert client.screen("1001", "gate-house", ScreeningResult.DECLINED).accepted
        assert client.give_consent(envelope).remedy == "have it signed"
        assert not client.end_consent("1001").recorded
        assert client.consents().consents == ()
        assert client.roles_held().roles == (RoleHeld(role="staff", people=3),)
        with pytest.raises(RefusedError):
            client.give_consent(envelope + b"x")
    assert daemon.desk.asked == [
        ("screen", "1001", "gate-house", "declined", ME),
        ("consent", hashlib.sha256(envelope).hexdigest(), ME),
        ("end consent", "1001", ME),
    ]


def test_one_change_set_at_a_time_is_kept_in_memory(daemon: Running) -> None:
    part = frames.frame(m.FilePart(data=b"x" * m.PART_BYTES_MAX))
    with raw(daemon) as first:
        first.sendall(part)
        assert isinstance(receive(first), m.Heartbeat)
        with raw(daemon) as second:
            second.sendall(part)
            refused = receive(second)
            assert isinstance(refused, m.Refused)
            assert refused.code is m.Refusal.BUSY
        for _ in range(ENVELOPE_BYTES_MAX // m.PART_BYTES_MAX - 1):
            first.sendall(part)
            assert isinstance(receive(first), m.Heartbeat)
        first.sendall(part)
        refused = receive(first)
        assert isinstance(refused, m.Refused)
        assert refused.code is m.Refusal.TOO_LARGE
        assert ended(first)
    with Client(daemon.state) as client:
        assert client.take_people(b"the next one", dry_run=False).applied


def test_a_client_that_goes_makes_room_for_the_next_change_set(daemon: Running) -> None:
    with raw(daemon) as connection:
        connection.sendall(frames.frame(m.FilePart(data=b"x")))
        assert isinstance(receive(connection), m.Heartbeat)
    until(lambda: daemon.clients() == 0)
    with Client(daemon.state) as client:
        assert client.take_people(b"whole", dry_run=False).applied
    assert daemon.desk.asked[-1][1] == hashlib.sha256(b"whole").hexdigest()


def test_verify_tells_progress_and_the_report(
    daemon: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.record(*ticks(4_000))
    monkeypatch.setattr(streams, "PROGRESS_S", 0.005)
    seen: list[tuple[int, int]] = []
    with Client(daemon.state) as client:
        report = client.verify(lambda done, total: seen.append((done, total)))
    assert (report.sound, report.entries, report.last_seq) == (True, 4_003, 4_003)
    assert report.head == daemon.desk.writer.head.hex()
    assert seen, "no progress was told"
    assert all(done <= total == 4_003 for done, total in seen)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_one_verification_at_a_time(daemon: Running) -> None:
    daemon.desk.slow_s = 2.0
    with raw(daemon) as first:
        first.sendall(frames.frame(VerifyJournal()))
        assert isinstance(receive(first), VerifyProgress)
        with Client(daemon.state) as second, pytest.raises(RefusedError) as refused:
            second.verify()
        assert refused.value.code is m.Refusal.BUSY
    # Who asked is gone: nobody verifies for nobody.
    until(lambda: daemon.clients() == 0, 1.0)
    daemon.desk.slow_s = 0.0
    with Client(daemon.state) as third:
        assert third.verify().sound


# --- following --------------------------------------------------------------------------------


def test_a_subscription_misses_nothing_across_five_thousand_entries(daemon: Running) -> None:
    daemon.record(*ticks(2_000))

    def more() -> None:
        for _ in range(30):
            daemon.record(*ticks(100))

    writing = threading.Thread(target=more)
    seen: list[int] = []
    with Client(daemon.state) as client:
        writing.start()
        for message in client.subscribe(1):
            if isinstance(message, m.Entries):
                seen += [entry.seq for entry in message.entries]
            if seen and seen[-1] == 5_003:
                break
    writing.join()
    assert seen == list(range(1, 5_004))


def test_what_is_new_comes_at_once(daemon: Running) -> None:
    with Client(daemon.state) as client:
        stream = client.subscribe(4)
        threading.Timer(0.2, lambda: daemon.record(*ticks(1))).start()
        began = time.monotonic()
        message = next(stream)
        took_s = time.monotonic() - began
    assert isinstance(message, m.Entries)
    assert [entry.seq for entry in message.entries] == [4]
    assert 0.1 < took_s < 2.0, "well before the heartbeat"


def test_heartbeats_where_nothing_happens(daemon: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talking, "HEARTBEAT_S", 0.05)
    with Client(daemon.state) as client:
        stream = client.subscribe(4)
        assert next(stream) == m.Heartbeat(last_seq=3)
        assert next(stream) == m.Heartbeat(last_seq=3)
        daemon.record(*ticks(1))
        while isinstance(message := next(stream), m.Heartbeat):
            pass
        assert message.entries[0].seq == 4


def test_a_subscriber_from_the_future_is_told(daemon: Running) -> None:
    with Client(daemon.state) as client, pytest.raises(RefusedError) as refused:
        next(client.subscribe(5))
    assert refused.value.code is m.Refusal.AHEAD


def test_a_slow_subscriber_is_let_go_and_resumes_without_loss(
    daemon: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talking, "FRAME_WITHIN_S", 0.5)
    daemon.record(*ticks(5_000))
    with raw(daemon, timeout_s=10) as slow:
        slow.sendall(frames.frame(m.Subscribe(from_seq=1)))
        time.sleep(0.8)  # it takes nothing; the others are served meanwhile
        with Client(daemon.state) as other:
            assert other.status().seq == 5_003
        seen: list[int] = []
        newest = 0
        while not isinstance(message := receive(slow), m.Refused):
            assert isinstance(message, m.Entries)
            newest = message.entries[0].seq
            seen += [entry.seq for entry in message.entries]
        assert ended(slow)
    assert message.code is m.Refusal.SLOW
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) < 5_003, "it was never behind"
    # The frame that was under way when patience ended has arrived after all: a resumed subscriber
    # sees that one twice, and never misses one.
    assert message.resume_from == newest
    with Client(daemon.state) as again:
        for more in again.subscribe(message.resume_from):
            assert isinstance(more, m.Entries)
            seen += [entry.seq for entry in more.entries]
            if seen[-1] == 5_003:
                break
    assert sorted(set(seen)) == list(range(1, 5_004))
    until(lambda: daemon.clients() == 0)


def test_a_slow_subscriber_that_never_reads_again_holds_nothing(
    daemon: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talking, "FRAME_WITHIN_S", 0.2)
    daemon.record(*ticks(5_000))
    with raw(daemon) as slow:
        slow.sendall(frames.frame(m.Subscribe(from_seq=1)))
        until(lambda: daemon.clients() == 1)
        until(lambda: daemon.clients() == 0, 2.0)


def test_a_subscriber_that_goes_is_noticed_where_nothing_happens(daemon: Running) -> None:
    with raw(daemon) as connection:
        connection.sendall(frames.frame(m.Subscribe(from_seq=4)))
        until(lambda: daemon.clients() == 1)
    until(lambda: daemon.clients() == 0, 1.0)


def test_a_subscriber_that_talks_is_let_go(daemon: Running) -> None:
    with raw(daemon) as connection:
        connection.sendall(frames.frame(m.Subscribe(from_seq=4)) + frames.frame(m.Status()))
        refused = receive(connection)
        assert isinstance(refused, m.Refused)
        assert refused.code is m.Refusal.MALFORMED
        assert ended(connection)


# --- what nobody should send ------------------------------------------------------------------

FRAMES = {
    "oversized": ((frames.FRAME_BYTES_MAX + 1).to_bytes(4, "big"), m.Refusal.TOO_LARGE),
    "huge": (b"\xff\xff\xff\xff", m.Refusal.TOO_LARGE),
    "empty": (b"\0\0\0\0", m.Refusal.MALFORMED),
    "garbage": (b"\0\0\0\x04\xff\xfe{}", m.Refusal.MALFORMED),
    "text": (b"GET / HTTP/1.1\r\n\r\n", m.Refusal.TOO_LARGE),
    "nesting": (b"\0\0\xc3\x50" + b"[" * 50_000, m.Refusal.MALFORMED),
    "unknown": (b'\0\0\0\x0f{"type":"Stop"}', m.Refusal.MALFORMED),
    "a reply": (frames.frame(m.Heartbeat(last_seq=1)), m.Refusal.MALFORMED),
    "negative": (b'\0\0\0\x23{"type":"Subscribe","from_seq":-12}', m.Refusal.MALFORMED),
    "unknown field": (b'\0\0\0\x17{"type":"Status","x":1}', m.Refusal.MALFORMED),
}


@pytest.mark.parametrize("name", FRAMES)
def test_what_is_no_request_is_refused_by_type_and_the_connection_ends(
    daemon: Running, name: str
) -> None:
    data, code = FRAMES[name]
    with raw(daemon) as connection:
        connection.sendall(data)
        refused = receive(connection)
        assert isinstance(refused, m.Refused)
        assert (refused.code, bool(refused.reason)) == (code, True)
        assert ended(connection)
    until(lambda: daemon.clients() == 0)
    with Client(daemon.state) as client:
        assert client.status().seq == 3


def test_a_request_byte_by_byte(daemon: Running) -> None:
    with raw(daemon) as connection:
        for byte in frames.frame(m.Status()):
            connection.sendall(bytes([byte]))
        assert receive(connection) == daemon.desk.status()


def test_half_a_request_and_gone(daemon: Running) -> None:
    for cut in (1, 3, 4, 10):
        with raw(daemon) as connection:
            connection.sendall(frames.frame(m.Status())[:cut])
    until(lambda: daemon.clients() == 0)


def test_half_a_request_and_silence(daemon: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talking, "FRAME_WITHIN_S", 0.1)
    with raw(daemon) as connection:
        connection.sendall(frames.frame(m.Status())[:10])
        refused = receive(connection)
        assert isinstance(refused, m.Refused)
        assert refused.code is m.Refusal.MALFORMED
        assert ended(connection)


def test_silence_is_ended(daemon: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talking, "IDLE_S", 0.1)
    with raw(daemon) as connection:
        refused = receive(connection)
        assert isinstance(refused, m.Refused)
        assert refused.code is m.Refusal.IDLE


def test_so_many_clients_and_no_more(daemon: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talking.Listener, "clients_max", 3)
    connections = [raw(daemon) for _ in range(3)]
    with pytest.raises(RefusedError) as refused:
        Client(daemon.state)
    assert refused.value.code is m.Refusal.BUSY
    connections.pop().close()
    until(lambda: daemon.clients() == 2)
    Client(daemon.state).close()
    for connection in connections:
        connection.close()


def test_some_places_are_kept_for_the_daemons_own_account(
    daemon: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talking.Listener, "clients_max", 3)
    monkeypatch.setattr(talking, "CLIENTS_RESERVED", 1)
    with monkeypatch.context() as patch:
        patch.setattr(talking, "owns", lambda _: False)
        guests = [raw(daemon) for _ in range(2)]
        with pytest.raises(RefusedError) as refused:
            Client(daemon.state)
        assert refused.value.code is m.Refusal.BUSY
    with Client(daemon.state) as operator:
        assert operator.status().seq == 3
    for guest in guests:
        guest.close()


def test_an_entry_that_is_gone_is_said_and_not_skipped(
    daemon: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def later(from_seq: int, limit: int) -> list[Stored]:
        return await daemon.desk.writer.read(from_seq + 1, limit, 10**6)

    monkeypatch.setattr(daemon.desk, "read", later)
    for from_seq in (1, 3):
        with Client(daemon.state) as client, pytest.raises(RefusedError) as refused:
            next(client.subscribe(from_seq))
        assert refused.value.code is m.Refusal.JOURNAL


def test_last_words_are_heard_by_who_speaks_too_late(
    daemon: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talking, "IDLE_S", 0.1)
    with Client(daemon.state) as client:
        until(lambda: daemon.clients() == 0)
        with pytest.raises(RefusedError) as refused:
            client.status()
    assert refused.value.code is m.Refusal.IDLE


def test_a_bug_in_an_answer_ends_that_client_alone(
    daemon: Running, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> m.StatusReply:
        raise KeyError("a bug")

    with monkeypatch.context() as patch:
        patch.setattr(daemon.desk, "status", broken)
        with Client(daemon.state) as client, pytest.raises(ConnectionLostError):
            client.status()
    until(lambda: "ended by a bug" in caplog.text)
    with Client(daemon.state) as client:
        assert client.status().seq == 3


def test_a_client_understands_only_its_own_protocol(tmp_path: Path) -> None:
    for said in (b"\0\0\0\x02{}", frames.frame(m.Hello(protocol=2, you="x")), b"HTTP/1.1 200 OK"):
        with socket.socket(socket.AF_UNIX) as server:
            path = tmp_path / "control.sock"
            path.unlink(missing_ok=True)
            server.bind(str(path))
            server.listen()

            def answer(said: bytes = said, server: socket.socket = server) -> None:
                connection, _ = server.accept()
                with connection:
                    connection.sendall(said)

            thread = threading.Thread(target=answer)
            thread.start()
            with pytest.raises(ControlClientError) as error:
                Client(tmp_path)
            thread.join()
            assert "own installation" in error.value.remedy


def test_a_message_is_strict_json_with_its_type() -> None:
    assert json.loads(frames.frame(m.Status())[4:]) == {"type": "Status"}
