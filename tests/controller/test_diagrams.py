"""The diagrams in the documentation are those of the code, and a renderer can read them."""

import re

import pytest

from controller import attempt, portal
from controller.mermaid import state_diagram
from docs.generate import STATE_MACHINES, state_machines


def test_the_page_is_the_code() -> None:
    assert STATE_MACHINES.read_text() == state_machines(), "run: python docs/generate.py"


@pytest.mark.parametrize("diagram", [portal.diagram(), attempt.diagram()])
def test_every_id_is_declared_and_has_no_hyphen(diagram: str) -> None:
    first, *lines = diagram.splitlines()
    assert first == "stateDiagram-v2"
    declared = {"[*]"}
    for line in lines:
        alias = re.fullmatch(r'    state "([a-z-]+)" as ([a-z_]+)', line)
        move = re.fullmatch(r"    (\[\*\]|[a-z_]+) --> ([a-z_]+): [a-z -]+", line)
        assert alias or move, line
        if alias:
            declared.add(alias[2])
        if move:
            assert {move[1], move[2]} <= declared, line


def test_a_hyphen_stays_in_the_label() -> None:
    drawn = state_diagram(["awaiting-pin"], [("[*]", "awaiting-pin", "pin-needed")])
    assert drawn == (
        "stateDiagram-v2\n"
        '    state "awaiting-pin" as awaiting_pin\n'
        "    [*] --> awaiting_pin: pin-needed\n"
    )


def test_every_move_to_another_state_is_drawn() -> None:
    drawn = portal.diagram()
    for state, row in portal.TABLE.items():
        for signal, move in row.items():
            if move.target not in {None, state}:
                assert f"    {state} --> {move.target}: {signal}\n" in drawn
