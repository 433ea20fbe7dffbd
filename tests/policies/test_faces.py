"""How near a face must be and how often the head is turned, and what is asked for without faces."""

from policies.changed_facts import changed_facts
from policies.compiled import Pictures
from policies.decide import decide
from policies.faces import DISTANCE_MAX, TURNS, face_rule
from policies.facts import Factor
from tests.policies.support import IN, ask, changed, compiled, embassy_text, problems

LOBBY = '[zone.lobby]\ninside  = "forecourt"\n'
CHANCERY = '[zone.chancery]\ninside    = "lobby"\n'
ARCHIVE = '[zone.archive]\ninside    = "chancery"\n'
FACES = (
    embassy_text()
    .replace("[factors]\n", '[alternative]\nface = "pin+guard"\n\n[factors]\n', 1)
    .replace('{ 1 = "badge", 3 = "badge+pin" }', '{ 1 = "badge+face" }', 1)
)


def rule(text: str, portal: str, level: int) -> tuple[float, int]:
    passage = compiled(text).passage(portal, IN)
    assert passage is not None
    return face_rule(passage, level)


def test_where_nothing_is_said_the_measured_distance_and_two_turns_hold() -> None:
    assert rule(embassy_text(), "front-door", 5) == (DISTANCE_MAX, TURNS) == (0.5, 2)


def test_a_level_that_is_not_named_keeps_the_one_below() -> None:
    near = "face-distance-max = { 1 = 0.55, 3 = 0.45 }\nface-turns = { 1 = 0, 4 = 3 }\n"
    text = changed(LOBBY, LOBBY + near)
    found = [rule(text, "front-door", level) for level in range(1, 6)]
    assert found == [(0.55, 0), (0.55, 0), (0.45, 0), (0.45, 3), (0.45, 3)]


def test_no_level_compares_more_loosely_than_the_one_below() -> None:
    near = "face-distance-max = { 1 = 0.45, 3 = 0.5 }\nface-turns = { 1 = 3, 2 = 1 }\n"
    assert [p.message for p in problems(changed(LOBBY, LOBBY + near))] == [
        "level 3 lets faces differ more than level 2",
        "level 2 asks for fewer turns than level 1",
    ]


def test_a_distance_at_which_strangers_pass_is_refused() -> None:
    near = "face-distance-max = { 1 = 0.61 }\n"
    said = [p.message for p in problems(changed(LOBBY, LOBBY + near))]
    assert said == ["expected 'float' <= 0.6"]


def test_the_zone_that_is_entered_counts_and_no_other() -> None:
    text = changed(LOBBY, LOBBY + "face-distance-max = { 1 = 0.3 }\n")
    text = changed(ARCHIVE, ARCHIVE + "face-turns = { 1 = 4 }\n", text)
    assert rule(text, "front-door", 1) == (0.3, 2)
    assert rule(text, "archive-door", 1) == (0.5, 4)


def test_of_several_zones_that_are_entered_at_once_the_strictest_word_counts() -> None:
    text = changed(LOBBY, LOBBY + "face-distance-max = { 1 = 0.3 }\nface-turns = { 1 = 1 }\n")
    text = changed(CHANCERY, CHANCERY + "face-distance-max = { 1 = 0.4 }\n", text)
    door = '[portal.staff-door]\nfrom   = "lobby"'
    text = changed(door, door.replace("lobby", "forecourt"), text)
    assert rule(text, "staff-door", 1) == (0.3, 2)


def test_where_a_face_cannot_be_had_the_alternative_is_asked_for() -> None:
    policy = compiled(FACES)
    seen = decide(policy, ask("staff-door", IN, "staff"))
    unseen = decide(policy, ask("staff-door", IN, "staff", without=(Factor.FACE,)))
    assert not seen.granted
    assert seen.missing == ((Factor.FACE,),)
    assert not unseen.granted
    assert unseen.missing == ((Factor.FACE,), (Factor.PIN, Factor.GUARD))


def test_without_an_alternative_nobody_passes_unseen() -> None:
    text = FACES.replace('[alternative]\nface = "pin+guard"\n', "", 1)
    shown = ask("staff-door", IN, "staff", "badge+pin+guard", without=(Factor.FACE,))
    assert not decide(compiled(text), shown).granted


def test_no_picture_is_kept_unless_the_policy_says_so() -> None:
    text = changed("[portal.front-door]\n", '[portal.front-door]\npictures = "decisions"\n')
    policy = compiled(text)
    kept = {portal.id: portal.pictures for portal in policy.portals}
    assert kept.pop("front-door") is Pictures.DECISIONS
    assert set(kept.values()) == {Pictures.NONE}


def test_no_portrait_is_kept_unless_the_policy_says_so() -> None:
    assert not compiled(embassy_text()).portraits
    said = changed('timezone = "Europe/Vienna"\n', 'timezone = "Europe/Vienna"\nportraits = true\n')
    assert compiled(said).portraits
    facts = [str(fact) for fact in changed_facts(compiled(embassy_text()), compiled(said))]
    assert facts == ["policy: portraits no -> yes"]
