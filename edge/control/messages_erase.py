"""What passes over the control socket about erasing somebody."""

from typing import Annotated

import msgspec

from controller.body import TEXT_CHARS_MAX
from edge.control.message import Count, Message
from edge.orders import PersonId

Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_CHARS_MAX)]


class ErasePerson(Message, frozen=True, kw_only=True):
    """Erase somebody on file, or say what there is of him; answered by ErasePersonReply.

    Heartbeats go before the reply: the whole journal is looked through. `even_inside`: also where
    he is known to be inside. What is asked names him: no repr shows it.
    """

    person: PersonId
    reason: Reason
    even_inside: bool
    dry_run: bool

    def __repr__(self) -> str:
        return f"ErasePerson(dry_run={self.dry_run}, …)"


class ErasePersonReply(Message, frozen=True, kw_only=True):
    """What there is or was of somebody: `values` beside so many `entries`, `badges`, a
    `pin`, a template of the `face`. `aside`: folders of journals that are kept as evidence, which
    nobody has looked into.

    `erased`: it is recorded and gone. `kept`: it is recorded, and is carried out by itself, and
    `reason` says why not yet. Neither: nothing was changed, and `reason` and `remedy` say why, or
    it was a dry run.
    """

    erased: bool
    kept: bool = False
    entries: Count = 0
    values: Count = 0
    badges: Count = 0
    pin: bool = False
    face: bool = False
    aside: tuple[str, ...] = ()
    reason: str = ""
    remedy: str = ""
