"""Emergencies, each played on the real edge, and mistakes that each of them has to find."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from controller import devices, entitled, leadership, order_ends, posture, state
from controller.portal import Portal
from edge import duress
from policies.rights import OrderKind
from simulators.story import StoryError, load_story, names
from simulators.virtual.story import tell

Patch = pytest.MonkeyPatch


@pytest.mark.parametrize("name", names())
def test_everything_comes_as_it_has_to(name: str) -> None:
    assert tell(load_story(name)).wrong == []


def nothing_is_shut(patch: Patch) -> None:
    patch.setattr(posture, "_shutting", lambda *_: iter(()))


def no_switch_counts(patch: Patch) -> None:
    patch.setattr(entitled, "RAISING", frozenset())


def one_person_is_enough(patch: Patch) -> None:
    patch.setattr(entitled, "why_not_enough", lambda *_, **__: None)


def no_evacuation_frees(patch: Patch) -> None:
    patch.setattr(posture, "freed_by", lambda *_: frozenset())


def any_deputy_steps_in(patch: Patch) -> None:
    patch.setattr(leadership, "_why_no_deputy", lambda *_: None)


def who_acts_has_no_role(patch: Patch) -> None:
    patch.setattr(entitled, "lent_to", lambda *_: {})


def a_door_that_comes_back_is_not_locked(patch: Patch) -> None:
    patch.setattr(devices.fires, "secure", lambda *_: None)


def a_fire_ends_a_lockdown(patch: Patch) -> None:
    ends = order_ends.OF_THE_MOMENT | {OrderKind.LOCKDOWN}
    patch.setattr(order_ends, "OF_THE_MOMENT", ends)


def a_restart_locks_in_a_fire(patch: Patch) -> None:
    patch.setattr(state, "restarted", lambda _: Portal())
    patch.setattr(state, "_started", _without_fires(state._started))


def _without_fires(started: Callable[..., state.SiteState]) -> Callable[..., state.SiteState]:
    return lambda *told: replace(started(*told), fires={})


def a_note_never_tells(patch: Patch) -> None:
    note = duress.Sealer.note
    patch.setattr(
        duress.Sealer,
        "note",
        lambda s, occasion, under_duress: note(s, occasion, under_duress=False),
    )


PLANTS = (
    ("attack-at-night", nothing_is_shut),
    ("attack-at-night", no_switch_counts),
    ("bomb-at-the-gate", no_evacuation_frees),
    ("siege", one_person_is_enough),
    ("siege", any_deputy_steps_in),
    ("siege", who_acts_has_no_role),
    ("siege", a_door_that_comes_back_is_not_locked),
    ("fire-in-lockdown", a_fire_ends_a_lockdown),
    ("fire-in-lockdown", a_restart_locks_in_a_fire),
    ("under-duress", a_note_never_tells),
)


@pytest.mark.parametrize(("name", "plant"), PLANTS, ids=lambda one: getattr(one, "__name__", one))
def test_a_mistake_is_found(name: str, plant: Callable[[Patch], None], monkeypatch: Patch) -> None:
    plant(monkeypatch)
    assert tell(load_story(name)).wrong


def test_a_file_that_cannot_be_played_says_where(tmp_path: Path) -> None:
    fleeing = '[[step]]\ndo = "flee"\nat-s = '
    right = 'title = "t"\nabout = "a"\nbegins = 2026-11-20T10:00:00\n[person.ann]\nroles = []\n'
    wrong = {
        '[[step]]\ndo = "walk"\nat-s = 0\nwho = "bob"\nto = "x"\n': "step 1: nobody is 'bob'",
        '[[step]]\ndo = "dance"\nat-s = 0\n': "dance",
        f"{fleeing}9\n{fleeing}1\n": "step 2: begins before",
        f'{fleeing}9\nwho = "ann"\n': "unknown field",
    }
    for step, said in wrong.items():
        file = tmp_path / "story.toml"
        file.write_text(right + step)
        with pytest.raises(StoryError, match=said):
            load_story(str(file))
