"""Who should be enrolled anew."""

from edge.control.messages_faces import FaceShown, FacesReply

DUE_DAYS = 730
"""Nothing that was measured here says how fast a face grows away from its template. Two years is
what badges are commonly renewed after, when a picture is taken anyway."""

DAY_S = 86_400


def why_due(one: FaceShown, reply: FacesReply, days: int, model: str) -> str:
    """Why somebody should be enrolled anew; empty where not. `model`: what compares now, empty
    where that is not known.
    """
    if one.trouble:
        return one.trouble
    if model and one.model != model:
        return f"made by {one.model}; {model} compares now"
    age_days = 0 if one.made_utc_s is None else (reply.utc_s - one.made_utc_s) // DAY_S
    return f"{age_days} days old" if age_days > days else ""
