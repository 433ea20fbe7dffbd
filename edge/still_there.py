"""What keeps an erasure that is on record from being done."""


class StillThereError(Exception):
    """Something that is kept of a person beside file and journal could not be taken away yet. The
    message ends with what to do about it; it is tried again by the running edge, or at its start.
    """
