"""The page about the virtual site names the rules and faults that there are."""

import re

from simulators.virtual.faults import RATES, Level
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "simulation.md").read_text()
CODE = "\n".join(path.read_text() for path in sorted((ROOT / "simulators/virtual").glob("*.py")))


def test_every_rule_has_its_line_and_every_line_its_rule() -> None:
    named = set(re.findall(r"^\| `([a-z-]+)` \| ", PAGE, flags=re.MULTILINE))
    raised = set(re.findall(r'Violation\(\s*"([a-z-]+)"', CODE))
    raised |= set(re.findall(r'^class \w+\(Rule\):.*?\n    name = "([a-z-]+)"', CODE, re.M | re.S))
    assert named == raised


def test_the_rates_are_those_of_the_code() -> None:
    assert f"some {RATES[Level.NORMAL].scattered:g} faults a day" in PAGE
    assert f"`heavy` some {RATES[Level.HEAVY].scattered:g}" in PAGE
    assert RATES[Level.NONE].scattered == RATES[Level.NONE].aimed == 0
