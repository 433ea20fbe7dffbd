"""What the gate's page says of a door whose camera is not to be relied on, in both languages."""

import pytest

from controller.portal import Contact, State
from edge.control.messages_gate import GateCameraShown, GatePortal
from edge.web.gate_words import CAMERA_FAULTS, portal_view
from edge.web.words import languages
from policies.facts import Direction


def portal(*faults: str) -> GatePortal:
    camera = GateCameraShown(camera="cam", direction=Direction.ENTRY, faults=faults)
    return GatePortal(
        id="gate",
        name="gate",
        portal_kind="gate",
        from_zone="street",
        to_zone="yard",
        state=State.LOCKED,
        contact=Contact.CLOSED,
        bolted=None,
        linked=True,
        released=False,
        secured=True,
        leased=False,
        observable=True,
        arrival=None,
        cameras=(camera,),
    )


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "cam: the picture stands still, too dark"),
        ("fr", "cam: l’image est figée, trop sombre"),
    ],
)
def test_what_is_wrong_with_a_camera_is_said_in_words(language: str, said: str) -> None:
    assert portal_view(portal("frozen", "dark"), languages()[language]).trouble == said


def test_every_fault_has_words_of_its_own() -> None:
    french = languages()["fr"]
    told = {portal_view(portal(str(fault)), french).trouble for fault in CAMERA_FAULTS}
    assert len(told) == len(CAMERA_FAULTS)
    assert not any(str(fault) in one for one in told for fault in CAMERA_FAULTS)
