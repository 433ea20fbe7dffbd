"""Topics and filters of MQTT 3.1.1, section 4.7, and which of them a device may have."""

OURS = "sentrypost"
"""What is said under it is between edges and central; no device has a word there."""


def matches(topic_filter: str, topic: str) -> bool:
    """Whether the filter takes the topic."""
    if "+" not in topic_filter and "#" not in topic_filter:
        return topic_filter == topic
    wanted, levels = topic_filter.split("/"), topic.split("/")
    for place, level in enumerate(wanted):
        if level == "#":
            return True
        if place >= len(levels) or level not in {"+", levels[place]}:
            return False
    return len(wanted) == len(levels)


def filter_problem(text: str) -> str | None:
    """Why a device's messages cannot be read there, or None."""
    levels = text.split("/")
    if _unprintable(text):
        return "has characters that no topic should have"
    if levels[0] == OURS:
        return f"is under '{OURS}/', where edges and central speak alone"
    if levels[0] in {"+", "#"} or text.startswith("$"):
        return "must begin with a name, so that it takes nothing of others"
    for place, level in enumerate(levels):
        if "#" in level and (level != "#" or place != len(levels) - 1):
            return "has a '#' that is not its last level"
        if "+" in level and level != "+":
            return "has a '+' that is not a whole level"
    return None


def topic_problem(text: str) -> str | None:
    """Why a device cannot be spoken to there, or None."""
    if "+" in text or "#" in text:
        return "has a wildcard: one device is spoken to at one topic"
    return filter_problem(text)


def _unprintable(text: str) -> bool:
    return any(not one.isprintable() or one in '"\\' for one in text)
