"""What is kept of the cameras at a portal."""

from enum import StrEnum


class Pictures(StrEnum):
    """ALARMS: a clip of each alarm there. DECISIONS: a picture beside every decision as well."""

    NONE = "none"
    ALARMS = "alarms"
    DECISIONS = "decisions"
