"""What the contract says of topics and messages beyond the code: who sends, who reads, what for.

`docs.contract` refuses a topic or a field without words here, and words without their topic.
"""

from typing import NamedTuple

import msgspec

from edge import wire, wire_alarms, wire_muster, wire_orders


class Words(NamedTuple):
    """Of one topic. `own`: the edge sends it; otherwise it reads it. `messages`: what its payloads
    are; none where they are entries.
    """

    title: str
    own: bool
    qos: int
    retained: bool
    peer: str
    messages: tuple[type[msgspec.Struct], ...]
    says: str
    more: str = ""


TOPICS: dict[str, Words] = {
    "status": Words(
        "Birth and death",
        own=True,
        qos=1,
        retained=True,
        peer="anybody",
        messages=(wire.Status,),
        says="birth and death of one connection, numbered, so that a late will ends no newer one",
        more="Published retained when a connection begins, when people or policy change, and when "
        "somebody else's status stood there; the death is published at a stop and is the "
        "connection's last will otherwise.",
    ),
    "journal": Words(
        "Batches of the journal",
        own=True,
        qos=1,
        retained=False,
        peer="archives",
        messages=(wire.Batch,),
        says="consecutive entries of the journal with the personal values beside them: everything, "
        "in order, until an archive says that it has it",
        more="JSON, or the same JSON as a zlib stream (RFC 1950): the first byte is `{` or `x` "
        "(0x78). It holds names: give nobody but archives the right to read it.",
    ),
    "journal_ack": Words(
        "The archive's word",
        own=False,
        qos=1,
        retained=False,
        peer="archives",
        messages=(wire.Ack,),
        says='"stored up to n" after the archive\'s commit, with the chain at n',
        more="The edge believes it where incarnation and chain are those of its own journal.",
    ),
    "checkpoint": Words(
        "The journal's size, signed",
        own=True,
        qos=1,
        retained=False,
        peer="witnesses",
        messages=(wire.CheckpointSent,),
        says="the journal's signed size, with the proof that it begins with what was cosigned last",
        more="Sent where the edge knows a witness: every minute, every thousand entries, and at "
        "once after what somebody might want to hide.",
    ),
    "checkpoint_ack": Words(
        "The witness's word",
        own=False,
        qos=1,
        retained=False,
        peer="witnesses",
        messages=(wire.CheckpointSeen,),
        says="the largest checkpoint that the witness has cosigned, and why not this one",
        more="The edge believes the signature alone, under the key that its site file names, or "
        "one to which the successions lead from there.",
    ),
    "request": Words(
        "What central asks for",
        own=False,
        qos=1,
        retained=False,
        peer="central",
        messages=(wire.RequestPart,),
        says="a signed file that the edge shall take, in parts: people, a policy, or somebody's "
        "word that he has seen an alarm",
        more="The edge judges it by its signatures and its number, as one that is given to it by "
        "hand. One that the broker had kept is ignored.",
    ),
    "request_ack": Words(
        "What became of a request",
        own=True,
        qos=1,
        retained=False,
        peer="central",
        messages=(wire.RequestAck,),
        says="whether the file is in force at this edge, and why not",
        more="Sent when that is on disk, and again for each time that the file is sent again.",
    ),
    "muster": Words(
        "Who is looked for",
        own=True,
        qos=1,
        retained=True,
        peer="anybody",
        messages=(wire_muster.MusterNow,),
        says="everybody who came in and was not seen leaving, by pseudonym, with the counts of "
        "each zone and who is checked off",
        more="Published when a connection begins and when there is news, once a second at most. No "
        "age stands in it: compute it from `at_s`. A higher `revision` of the same incarnation is "
        "newer.",
    ),
    "alarm": Words(
        "An open alarm",
        own=True,
        qos=1,
        retained=True,
        peer="anybody",
        messages=(wire_alarms.AlarmNow,),
        says="one alarm that is open: what it is, how often it was told, and who has seen it",
        more="The level behind it is the number of the entry that raised the alarm. An empty "
        "message says that it is closed. With every connection all open ones are published again, "
        "and what the broker kept of others is cleared. Of one journal, what has the higher "
        "revision is later.",
    ),
    "event": Words(
        "Entries, live",
        own=True,
        qos=0,
        retained=False,
        peer="anybody",
        messages=(),
        says="each entry as it is recorded, without personal values; best effort, never behind a "
        "backlog",
        more="The payload is the entry's bytes, the same as in `journal`. Entries recorded while "
        "the edge had no connection never come here.",
    ),
    "order": Words(
        "An order for the edge",
        own=False,
        qos=1,
        retained=False,
        peer="central",
        messages=(wire_orders.OrderSent,),
        says="a signed order: the same bytes as in a file",
        more="The edge judges it by its signatures, its number and its time, as one that is given "
        "to it by hand. One that the broker had kept is ignored, and none is kept by central: who "
        "sends one waits for the answer, and sends it again until it comes.",
    ),
    "order_ack": Words(
        "What became of an order",
        own=True,
        qos=1,
        retained=False,
        peer="central",
        messages=(wire_orders.OrderAck,),
        says="whether an order is in force at this edge, and how far it has come at each portal",
        more="The level behind it is the order's id. Sent when what it says is on disk, again at "
        "each change while the order is in force, at the start of every connection, and for each "
        "time that the order is sent.",
    ),
    "orders": Words(
        "Orders in force, and lifts",
        own=True,
        qos=1,
        retained=True,
        peer="the other edges",
        messages=(wire_orders.OrdersKept,),
        says="every order in force at this edge, and every lift until all edges have it",
        more="Every edge of the site reads those of all others and takes them together, each "
        "envelope verified by itself. What is missing, or cleared, ends nothing. Where all of it "
        "came over the wire it is published within a few seconds, otherwise at once.",
    ),
    "posture": Words(
        "Posture",
        own=True,
        qos=1,
        retained=True,
        peer="anybody",
        messages=(wire_orders.Posture,),
        says="mode and threat level of the site and of its zones, as this edge has them",
        more="Of one journal, what has the higher revision is later.",
    ),
    "portal": Words(
        "State of a portal",
        own=True,
        qos=1,
        retained=True,
        peer="anybody",
        messages=(wire_orders.PortalNow,),
        says="lock, leaf and device of one portal, as its edge knows them",
        more="The level behind it is the portal's id in the policy. An empty message says that the "
        "policy has it no more. Of one journal, what has the higher revision is later.",
    ),
}
"""By the name that the topic has in `edge.topics.Topics`."""

RESERVED: frozenset[str] = frozenset()
"""Names that are taken and that nothing sends or reads so far."""

FIELDS: dict[type[msgspec.Struct], dict[str, str]] = {
    wire.Status: {
        "v": "version of the message",
        "alive": "birth, or death",
        "incarnation": "of the journal that the edge writes",
        "boot": "the journal's last number when the daemon began",
        "number": "of the connection, counted from the daemon's start",
        "version": "of the edge's program",
        "last_seq": "the journal's last number when this was made",
        "acked": "up to where the archive had confirmed by then",
        "people": "version of the people that the edge knows",
        "people_made_us": "when the people were last changed, wall time in microseconds; `null`: "
        "unknown",
        "people_digest": "of everybody whom the edge knows: where it is the same, the people are",
        "policy": "version of the policy by which it decides",
        "policy_digest": "of that policy",
    },
    wire.Batch: {
        "v": "version of the message",
        "incarnation": "of the journal",
        "from": "number of the first entry; the others follow without a gap",
        "entries": "the entries, in order",
        "before": "the chain in front of the first entry, where the edge keeps nothing in front of "
        "it any more",
    },
    wire.SentEntry: {
        "entry": "the entry's bytes in UTF-8, as a JSON string",
        "personal": "values that commitments in the entry stand for; values that were erased are "
        "missing",
        "leaf": "the entry's leaf hash, where the edge keeps its bytes no more and `entry` is "
        "empty",
    },
    wire.Ack: {
        "v": "version of the message",
        "incarnation": "of the journal that is spoken of",
        "stored_up_to": "every entry up to this number is stored, or written down as gone; 0: none",
        "chain": "of that journal after this number, computed from what was stored",
        "gap": "the archive has entries beyond, and not the next one: the edge goes back to it",
        "archive": "a name that tells archives apart, for people",
    },
    wire.CheckpointSent: {
        "v": "version of the message",
        "note": "the checkpoint, a signed note",
        "key": "the journal's public key",
        "old": "the size that was cosigned last, as far as the edge knows; 0: none",
        "proof": "consistency proof from `old` to the checkpoint (RFC 6962, section 2.1.2), hashes "
        "in hex",
        "cosigned": "the largest note that the witness has cosigned, with its line",
    },
    wire.CheckpointSeen: {
        "v": "version of the message",
        "note": "the largest checkpoint cosigned, with the witness's line",
        "problem": "why it is not the one that was sent; empty where it is",
        "successions": "notes by which the witness's key has followed others, the oldest first; "
        "each is signed by both",
    },
    wire.RequestPart: {
        "v": "version of the message",
        "kind": "what the file is about",
        "set": "SHA-256 of the whole file",
        "part": "which part of it this is, from 1",
        "parts": "how many there are",
        "data": "the part's bytes",
    },
    wire_alarms.AlarmNow: {
        "v": "version of the message",
        "incarnation": "of the journal that the edge writes",
        "revision": "number of the newest entry that changed anything of it",
        "alarm": "number of the entry that raised it",
        "kind": "of that entry; `alarm-queue-full`: further ones found no room",
        "priority": "how urgent: 1 life, 2 intrusion, 3 something does not work, 4 somebody should "
        "look",
        "source_kind": "what `source` is the id of",
        "source": "what it is about; of a person a random id; empty: the site as a whole",
        "drill": "an exercise",
        "state": "`raised`: it is so; `cleared`: it is so no more; `happened`: it was a moment; "
        "nobody has acknowledged any of these. `acknowledged`: it is still so; `in-hand`: it was a "
        "moment, and is not closed",
        "count": "how often it was told",
        "last": "number of the entry that told it last: who acknowledges it has seen that",
        "first_us": "when first, wall time in microseconds",
        "last_us": "when last",
        "over_us": "since when it is so no more; `null`: it is so, or was a moment",
        "acknowledged_us": "when somebody saw it as it is; `null`: nobody has",
        "assigned": "random id of who sees to it; `null`: nobody in particular",
        "noted": "how many notes there are about it",
    },
    wire_muster.MusterNow: {
        "v": "version of the message",
        "incarnation": "of the journal that the edge writes",
        "revision": "number of the entry behind which this holds",
        "muster": "the muster that goes on; `null`: none does, and nobody is checked off",
        "listed": "how many came in and were not seen leaving",
        "missing": "of these, how many are not checked off",
        "unknown": "of those missing, how many may have left unseen",
        "checked": "how many of those listed are checked off",
        "extra": "how many are checked off whom no door had seen coming in",
        "zones": "counts of each zone",
        "people": "those who are listed, the missing first; the first thousand",
    },
    wire_muster.MusterGoing: {
        "entry": "number of the entry by which it began",
        "at_s": "when, wall time in seconds; `null`: by a clock that nobody vouched for",
        "order": "id of the evacuation that it belongs to; empty: somebody began it by hand",
        "drill": "an exercise",
    },
    wire_muster.MusterZone: {
        "zone": "its id",
        "listed": "how many were seen last in it, zones within not included",
        "unknown": "of these, how many are missing and may have left unseen",
        "checked": "of these, how many are checked off",
        "counted": "how many its doors count, known or not, zones within included; 0 as well "
        "where nobody counts",
    },
    wire_muster.MusterPerson: {
        "holder": "random id of the person",
        "zone": "where he was seen last",
        "perhaps": "after a grant that nobody could see used: or here",
        "portal": "the door that told it; empty: a person did, or an earlier version noted it",
        "entry": "number of the entry that tells it",
        "at_s": "when, wall time in seconds; `null`: by a clock that nobody vouched for",
        "confidence": "how well that is known",
        "doubt": "why he may have left; `null`: nothing says so",
        "doubt_since_s": "since when, as `at_s`",
        "host": "random id of who escorts him; `null`: nobody does",
        "party": "how many people without badges are with him",
        "led": "`false`: he has left, and one of his party stands for him here",
        "checked_at": "where somebody saw him safe in this muster; empty: he is missing",
        "again": "he was checked off, and a door has seen him since",
    },
    wire.RequestAck: {
        "v": "version of the message",
        "incarnation": "of the journal that the edge writes",
        "kind": "what the file is about",
        "set": "SHA-256 of the whole file",
        "outcome": "what became of it",
        "version": "of the people, or of the policy, in force after it",
        "digest": "of these; empty where nothing is in force",
        "reason": "why it was refused, for people",
        "remedy": "what to do about that",
    },
    wire_orders.OrderSent: {
        "v": "version of the message",
        "envelope": "the signed order, a DSSE envelope in JSON, as a JSON string",
    },
    wire_orders.OrderAck: {
        "v": "version of the message",
        "incarnation": "of the journal that the edge writes",
        "revision": "number of the entry that this goes by; what has a higher one is later",
        "order": "SHA-256 of what was signed",
        "standing": "what it is at this edge",
        "recorded": "false: the journal cannot be written; the doors follow the order all the same",
        "reason": "why it was refused, for people",
        "remedy": "what to do about that",
        "doors": "each portal that the order is about; none where it is not in force",
    },
    wire_orders.Door: {
        "portal": "its id in the policy",
        "name": "what people call it",
        "arrival": "how far the order has come there",
        "obeyed": "the device has confirmed, and the leaf was seen closed; of an evacuation: freed",
        "observable": "it has a contact; without one it never counts as obeyed",
        "linked": "its device answers",
        "since_us": "since when it is so, wall time in microseconds, in this run of the edge",
    },
    wire_orders.OrdersKept: {
        "v": "version of the message",
        "incarnation": "of the journal that the edge writes",
        "revision": "number of the entry that this goes by; what has a higher one is later",
        "in_force": "signed envelopes of the orders in force, as JSON strings",
        "lifts": "signed envelopes of what ended others, until every edge has said that it has it",
        "acknowledged": "ids of the newest of these that this edge has",
    },
    wire_orders.Posture: {
        "v": "version of the message",
        "incarnation": "of the journal that the edge writes",
        "revision": "number of the entry that this goes by; what has a higher one is later",
        "mode": "of the whole site",
        "threat": "level of the whole site",
        "fire": "a fire is latched at this edge",
        "zones": "zones in which something else is in force, or more",
        "orders": "orders in force, in the order in which they were accepted",
    },
    wire_orders.ZonePosture: {
        "zone": "its id in the policy",
        "mode": "the strongest that is ordered there",
        "threat": "the highest level that is ordered there",
    },
    wire_orders.OrderShown: {
        "order": "SHA-256 of what was signed",
        "kind": "what was ordered",
        "drill": "an exercise: nothing of it is real",
        "review_s": "when somebody has to look at it again, seconds since 1970",
        "zones": "these and all inside them; none: the whole site",
    },
    wire_orders.PortalNow: {
        "v": "version of the message",
        "incarnation": "of the journal that the edge writes",
        "revision": "number of the entry that this goes by; what has a higher one is later",
        "name": "what people call it",
        "state": "of the portal, see the state machine in the documentation",
        "contact": "where the leaf is, by its contact",
        "bolted": "whether the bolt is thrown; `null`: no sensor, or no reading yet",
        "linked": "its device answers",
        "released": "its lock is released for fire or evacuation",
        "secured": "orders in force shut the way in",
        "leased": "open by schedule, or by an order",
        "observable": "it has a contact: what is said of its leaf was measured",
    },
}
"""Of each message, by the names on the wire."""

PERSONAL = {
    "field": "member of `body` that holds the commitment",
    "value": "what it stands for: a name, the reference of a badge, a reason",
    "salt": "16 bytes in hex, drawn anew for each value",
}

HEADER = {
    "v": "version of the entry's form",
    "site": "the premises",
    "edge": "the daemon that recorded it",
    "incarnation": "of the journal: a new one begins when a journal was lost or set aside",
    "seq": "number in that journal, from 1, without a gap",
    "kind": "what happened; decides what `body` holds",
    "utc_us": "wall time in microseconds since 1970",
    "mono_us": "the machine's own clock in microseconds; tells durations within one run",
    "clock_trusted": "whether the edge believed its wall time",
    "cause": "id of the input that had this to follow, or `time`",
    "drill": "an exercise: nothing of it is real",
    "policy": "first digits of the digest of the policy in force",
    "body": "what there is to say of it; see the kinds",
}
"""Of an entry."""
