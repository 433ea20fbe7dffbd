"""What a reader says of itself inside a session, before anything else is said: who, and what.

What it said of itself before the session, anybody on the line could have said.
"""

from drivers.osdp.abilities import Abilities, parse_abilities
from drivers.osdp.messages import (
    Ack,
    Busy,
    Capabilities,
    Capability,
    CapabilityRequest,
    Identity,
    IdentityRequest,
    Message,
    Nak,
)
from drivers.osdp.profile import Make, Profile, make_of
from drivers.osdp.translate import Violation, identity_text

NO_IDENTITY = "not told"  # a device may keep to itself who it is; its key proves it all the same


class Introduction:
    """The questions of one introduction, and what was answered.

    `abilities` is None until it was told, and where the reader tells no list that holds together.
    """

    def __init__(self) -> None:
        self.identity = NO_IDENTITY
        self.abilities: Abilities | None = None
        self._make: Make | None = None
        self.question: Message | None = IdentityRequest()

    @property
    def is_complete(self) -> bool:
        """Whether both questions were answered, by whatever."""
        return self.question is None

    @property
    def has_display(self) -> bool:
        """Whether it lists a display for text."""
        return self.abilities is not None and self.abilities.has(Capability.TEXT)

    @property
    def profile(self) -> Profile:
        """What of all this is kept, to know the reader again by."""
        return Profile(self._make, self.abilities)

    @property
    def receive_size(self) -> int | None:
        """The longest frame that it takes, where it has told."""
        return None if self.abilities is None else self.abilities.receive_size

    def hear(self, reply: Message | None, *, encrypted: bool) -> Violation | None:
        """The authenticated answer to `question`; what is wrong with it, if anything.

        A refusal is an answer, and so is an empty one: the reader will not tell. Whatever else
        comes in its place is not believed, and is an answer as well: no question is asked for ever.
        """
        asked = self.question
        self.question = CapabilityRequest() if isinstance(asked, IdentityRequest) else None
        if isinstance(reply, Nak | Ack | Busy):
            return None
        if not encrypted:
            return Violation.UNENCRYPTED
        if isinstance(asked, IdentityRequest) and isinstance(reply, Identity):
            self.identity, self._make = identity_text(reply), make_of(reply)
            return None
        if isinstance(asked, CapabilityRequest) and isinstance(reply, Capabilities):
            self.abilities = parse_abilities(reply)
            return Violation.MALFORMED if self.abilities is None else None
        return Violation.OUT_OF_PLACE
