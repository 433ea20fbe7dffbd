"""What the record of processing says of pictures and clips."""

from collections.abc import Iterable

from controller.events_pictures import PictureKind
from edge.config import Config
from edge.pictures.choosing import AFTER_S, BEFORE_S
from edge.pictures.index import PictureIndex
from edge.privacy_activity import Activity
from policies.compiled import CompiledPolicy, Pictures


def are_kept(config: Config, policy: CompiledPolicy) -> bool:
    """Whether there are any, or will be."""
    return bool(_doors(config, policy)) or PictureIndex.exists(config.state)


def _doors(config: Config, policy: CompiledPolicy) -> dict[str, Pictures]:
    """Portals with a camera of which something is kept."""
    watched = {spec.options.portal for _, spec in config.cameras.values()}
    return {
        rule.id: rule.pictures
        for rule in policy.portals
        if rule.id in watched and rule.pictures is not Pictures.NONE
    }


def of_pictures(config: Config, policy: CompiledPolicy) -> Activity:
    doors = _doors(config, policy)
    beside = sorted(door for door, word in doors.items() if word is Pictures.DECISIONS)
    key = "the site's picture key" if config.picture_key else "a key in the state folder"
    data = [f"a clip of each alarm, {BEFORE_S} s before it and {AFTER_S} s behind: {_named(doors)}"]
    if beside:
        data.append(f"a picture beside each decision: {_named(beside)}")
    data.append("beside each, by random id, who presented a badge there in that time")
    days = config.picture_days
    return Activity(
        purpose="to see what happened at a door, where there is an alarm or a decision is doubted",
        people=("everybody before a camera of those doors in that moment, known or not",),
        data=tuple(data),
        source="cameras of this edge, where the site's privacy masks are black",
        recipients=(
            "whoever is given one by `sentrypost picture export`, which is recorded first",
            "nobody by any wire: the journal and the archive have its hash",
        ),
        retention=f"pictures for {days.get(PictureKind.PICTURE)} days, clips for "
        f"{days.get(PictureKind.CLIP)}; before that where somebody in them is erased who presented "
        "a badge, and where the disk is nearly full",
        safeguards=(
            "each file is sealed with XChaCha20-Poly1305 under a key of its own, wrapped by "
            f"{key}; where that key is destroyed nobody opens it, nor a copy of it",
            "a clip is kept for what stands in the entry, and duress stands in none",
        ),
    )


def _named(doors: Iterable[str]) -> str:
    return ", ".join(sorted(doors)) or "none any more"
