"""Answers as a session may see them: protected persons by what the policy shows of them at a gate.

Of a muster nobody is left out: whoever checks people off has to know that there is one more, where
that person was seen last, and whether she is safe. Who it is stands there for the console, where
the policy shows names, and for everybody while a real muster goes on: then names are called.
Whoever begins one is on record. In an exercise a protected person is checked off by her place on
the roll.
"""

from msgspec.structs import replace

from edge.control.message import Message
from edge.control.messages_muster import MusterExtra, MusterPerson, MusterReply
from edge.control.messages_visitors import VisitorReply, VisitShown, VisitsReply
from edge.gate_sight import Sight
from policies.rights import ProtectedShown


def seen(reply: Message, sight: Sight) -> Message:
    """The same, without what this session may not see."""
    if sight.protected is ProtectedShown.NAME:
        return reply
    match reply:
        case MusterReply(head=head) if head.muster is None or head.muster.drill:
            return replace(
                reply,
                people=tuple(_listed(one) for one in reply.people),
                extra=tuple(_extra(one) for one in reply.extra),
            )
        case VisitsReply(visits=visits):
            return replace(reply, visits=tuple(_visit(one, sight) for one in visits))
        case VisitorReply(shown=shown) if shown is not None:
            return replace(reply, shown=_visit(shown, sight))
        case _:
            return reply


def _listed(one: MusterPerson) -> MusterPerson:
    if one.host_protected:
        one = replace(one, host_name="")
    return replace(one, person="", name="") if one.protected else one


def _extra(one: MusterExtra) -> MusterExtra:
    return replace(one, person="", name="") if one.protected else one


def _visit(one: VisitShown, sight: Sight) -> VisitShown:
    """`hidden`: not even that the host is somebody protected."""
    if not one.host_protected:
        return one
    told = sight.protected is ProtectedShown.STATUS
    return replace(one, host="", host_name="", host_protected=told)
