"""The contract on the wire is that of the code, and what AsyncAPI's own tool calls right."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from controller.events import KINDS, decode_entry
from docs import asyncapi, contract, generate, mqtt_page
from docs.contract import ContractError
from docs.wire_words import FIELDS, RESERVED, TOPICS
from edge import wire, wire_alarms, wire_muster, wire_orders
from tests.docs.asyncapi_parser import KNOWN, validated
from tests.docs.pages import ROOT
from tests.golden import messages as golden
from tests.golden.examples import goldens

ERROR, WARNING = 0, 1
DECODERS = {
    "Status": wire.decode_status,
    "Batch": wire.decode_batch,
    "Ack": wire.decode_ack,
    "CheckpointSent": wire.decode_checkpoint,
    "CheckpointSeen": wire.decode_checkpoint_seen,
    "RequestPart": wire.decode_request,
    "RequestAck": wire.decode_request_ack,
    "OrderSent": wire_orders.decode_order,
    "OrderAck": wire_orders.decode_order_ack,
    "OrdersKept": wire_orders.decode_orders,
    "Posture": wire_orders.decode_posture,
    "PortalNow": wire_orders.decode_portal,
    "AlarmNow": wire_alarms.decode_alarm,
    "MusterNow": msgspec.json.Decoder(wire_muster.MusterNow).decode,
}


def test_the_published_document_is_that_of_the_code() -> None:
    assert generate.ASYNCAPI.read_text() == asyncapi.text(), "run: python docs/generate.py"


def test_asyncapi_finds_nothing_and_every_released_byte_fits_its_schema() -> None:
    events = [(kind, json.loads(path.read_bytes())) for kind in KINDS for path in goldens(kind)]
    found = validated(generate.ASYNCAPI, events)
    assert len(events) > len(KINDS)
    assert [one for one in found if one["code"] not in KNOWN] == []


def small_document() -> dict[str, Any]:
    """Of two messages: it is read in a moment."""
    whole = asyncapi.document()
    for part, kept in (
        ("channels", {"status", "journal_ack"}),
        ("operations", {"sendStatus", "receiveJournalAck"}),
    ):
        whole[part] = {name: value for name, value in whole[part].items() if name in kept}
    for part in ("messages", "schemas"):
        all_of = whole["components"][part]
        whole["components"][part] = {name: all_of[name] for name in ("Status", "Ack")}
    return whole


def test_asyncapi_finds_what_is_wrong(tmp_path: Path) -> None:
    document = small_document()
    document["components"]["messages"]["Ack"]["examples"][0]["payload"]["stored_up_to"] = "many"
    (tmp_path / "wrong.json").write_text(json.dumps(document))
    born = json.loads((golden.FOLDER / "Status.birth.json").read_bytes())
    found = validated(
        tmp_path / "wrong.json",
        [("Status", born), ("Status", born | {"alive": "yes"}), ("Nothing", born)],
    )
    wrong = [(one["code"], one["path"]) for one in found if one["severity"] == ERROR]
    assert wrong == [
        ("payload", "Ack Ack.json"),
        ("payload", "Status"),
        ("no-such-message", "Nothing"),
    ]


def test_asyncapi_finds_a_document_that_is_none(tmp_path: Path) -> None:
    document = small_document()
    document["operations"]["sendStatus"]["bindings"]["mqtt"]["qos"] = 7
    (tmp_path / "wrong.json").write_text(json.dumps(document))
    found = validated(tmp_path / "wrong.json")
    assert "operations.sendStatus.bindings.mqtt.qos" in {
        one["path"] for one in found if one["severity"] == ERROR
    }


def test_the_parser_is_locked_with_hashes_and_names_no_registry() -> None:
    folder = ROOT / "requirements" / "asyncapi"
    lock = json.loads((folder / "package-lock.json").read_text())
    wanted = json.loads((folder / "package.json").read_text())["dependencies"]
    packages = {name: one for name, one in lock["packages"].items() if name}
    for name, version in wanted.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
        assert packages[f"node_modules/{name}"]["version"] == version
    assert [name for name, one in packages.items() if "integrity" not in one] == []
    assert [name for name, one in packages.items() if "resolved" in one] == []


def topics_in_use() -> set[str]:
    """Names of `Topics` that the packages take a topic from."""
    code = (
        path.read_text() for name in ("edge", "central") for path in (ROOT / name).rglob("*.py")
    )
    found = (re.findall(r"\b_?[Tt]opics(?:\([^()]*\))?\.([a-z_]+)", text) for text in code)
    return {name for names in found for name in names} & (TOPICS.keys() | RESERVED)


def test_topics_with_words_are_those_that_are_used() -> None:
    assert topics_in_use() == set(TOPICS)
    assert contract.addresses().keys() == set(TOPICS)


def published() -> dict[str, set[tuple[int, bool]]]:
    """With which QoS, and whether retained, the code publishes on each topic that it names."""
    found: dict[str, set[tuple[int, bool]]] = {}
    files = {*(ROOT / "edge").glob("*.py"), *(ROOT / "central").glob("*.py")}
    # On central's own topic, to itself: whether the broker shares.
    for path in files - {ROOT / "central" / "sharing.py"}:
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for name, how in _publications(function):
                    found.setdefault(name, set()).add(how)
    return found


def _publications(function: ast.AST) -> Iterator[tuple[str, tuple[int, bool]]]:
    named = {
        target.id: node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Publication":
            given = {one.arg: one.value for one in node.keywords}
            topic = given["topic"]
            topic = named.get(topic.id, topic) if isinstance(topic, ast.Name) else topic
            topic = topic.func if isinstance(topic, ast.Call) else topic
            flags = [getattr(given.get(name), "value", 0) for name in ("qos", "retain")]
            if isinstance(topic, ast.Attribute) and topic.attr in TOPICS:
                yield topic.attr, (flags[0], bool(flags[1]))


def test_qos_and_retained_are_those_of_the_code() -> None:
    said = {name: {(words.qos, words.retained)} for name, words in TOPICS.items()}
    found = published()
    assert {name: said[name] for name in found} == found
    assert set(found) == set(TOPICS)


def test_a_topic_without_words_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    less = {name: words for name, words in TOPICS.items() if name != "checkpoint"}
    monkeypatch.setattr(contract, "TOPICS", less)
    with pytest.raises(ContractError, match="checkpoint"):
        contract.addresses()


def test_a_member_without_words_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    less = {name: says for name, says in FIELDS[wire.Ack].items() if name != "gap"}
    monkeypatch.setattr(contract, "MEMBERS", {**contract.MEMBERS, wire.Ack: less})
    with pytest.raises(ContractError, match="gap"):
        contract.messages()
    fewer = {struct: says for struct, says in FIELDS.items() if struct is not wire.Status}
    monkeypatch.setattr(contract, "FIELDS", fewer)
    with pytest.raises(ContractError, match="Status"):
        contract.messages()


def test_no_schema_is_pythons_alone() -> None:
    text = json.dumps(contract.schemas())
    assert "\\\\Z" not in text
    assert "prefixItems" not in text
    assert '"controller.' not in text


@pytest.mark.parametrize("name", sorted(golden.messages()))
def test_every_message_has_its_golden_and_gives_the_same_bytes_again(name: str) -> None:
    made, decode = golden.messages()[name], DECODERS[name.partition(".")[0]]
    files = golden.released(name)
    assert files, "python -m tests.golden.messages"
    for path in files:
        decode(path.read_bytes())
    newest = files[-1].read_bytes()
    assert decode(newest) == decode(made)
    if not name.endswith(".zlib"):  # another zlib compresses to other bytes
        assert newest == made, "released bytes never change; after adding members write <name>.2"


def test_every_golden_message_is_one_of_the_code() -> None:
    known = {path for name in golden.messages() for path in golden.released(name)}
    assert set(golden.FOLDER.iterdir()) == known
    assert {name.partition(".")[0] for name in golden.messages()} == set(DECODERS)


def test_the_page_shows_the_chain_of_the_batches_it_shows() -> None:
    page = mqtt_page.vectors()
    assert golden.chain().hex() in page
    for event in golden.journal():
        assert f"| {event.header.seq} | `{event.header.kind}` |" in page


def test_every_kind_of_event_is_on_the_page_and_in_the_document() -> None:
    page = mqtt_page.kinds()
    document = json.loads(generate.ASYNCAPI.read_text())
    for kind in KINDS:
        assert f"| `{kind}` |" in page
        (example,) = document["components"]["messages"][kind]["examples"]
        assert decode_entry(json.dumps(example["payload"]).encode()).kind == kind
    assert set(document["channels"]["event"]["messages"]) == set(KINDS)


def test_no_reserved_topic_is_in_the_document() -> None:
    document = json.loads(generate.ASYNCAPI.read_text())
    assert set(document["channels"]) == set(TOPICS)
    assert not set(document["channels"]) & RESERVED
