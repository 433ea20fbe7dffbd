"""What the record of processing says of visits and deliveries."""

from controller.delivery import ENDED_KEPT_S as DELIVERY_KEPT_S
from controller.visit import ENDED_KEPT_S
from edge.documents import Document
from edge.privacy_activity import Activity
from policies.compiled import CompiledPolicy

HOUR_S = 3_600


def of_visits(policy: CompiledPolicy) -> Activity:
    """Who comes to see whom."""
    visitors = sorted(name for name, role in policy.roles.items() if role.visitor)
    limits = [
        f"{name} for at most {role.stay_max_s} s"
        for name, role in policy.roles.items()
        if role.visitor and role.stay_max_s
    ]
    return Activity(
        purpose="to know who visits whom, that visitors are accompanied, and that each has left"
        + (f" in time ({', '.join(limits)})" if limits else ""),
        people=(f"visitors: {', '.join(visitors)}", "their hosts"),
        data=(
            "who is to visit whom, from when until when, what for, and for which organisation",
            "when the visitor was signed in and out, by whom, and what was given",
            f"the kind of document that a guard has seen ({', '.join(Document)}) and who issued it",
            "who escorts whom, from when on",
        ),
        source="whoever announces a visit, the guard at the gate, badges shown at a door",
        recipients=("host and guards, by the alarm for a visitor who stays too long",),
        retention=f"listed until {ENDED_KEPT_S // HOUR_S} hours after the day of its end; in the "
        "journal as above. A visitor who was put on file for a visit stays there until erased",
        safeguards=(
            "never the number of a document, its dates or a copy: that a guard has seen it is "
            "enough, and a number would tie the visit to registers of others for good",
            "purpose, organisation and document lie beside their entries, and go with an erasure",
            "whatever was given lets nobody in once the visit is over",
        ),
    )


def of_deliveries() -> Activity:
    """What is brought, and by whom."""
    return Activity(
        purpose="to know what was brought to a gate, where it stays and who has it",
        people=(
            "whoever brings something, as far as company or plate lead to a person",
            "whoever it is for, and who receives it",
        ),
        data=(
            "company, plate of the vehicle where it was written down, and what it is, in words",
            "gate, place, recipient, receiver, when, and by whom it was taken, handed or refused",
        ),
        source="the guard at the gate",
        recipients=(),
        retention=f"listed for {DELIVERY_KEPT_S // HOUR_S} hours after it was handed over; in the "
        "journal as above: whoever brings something is not on file, and is not erased by name but "
        "goes with the entries of the class `people`",
        safeguards=(
            "a diplomatic bag is neither opened nor held: who brought it, and who has it",
            "company, plate and contents lie beside their entries",
        ),
    )
