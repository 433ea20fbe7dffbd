"""The big site of the figures is a policy that loads, and means what its plain rules say."""

from collections import Counter
from random import Random
from zoneinfo import ZoneInfo

from edge.people.records import directory_of
from policies import Code, decide, load
from tests.policies import big

RULES = 1_000
QUESTIONS = 3_000


def test_a_calm_day_of_the_big_site_comes_down_to_its_rules():
    site = big.site(RULES, seed=3)
    policy = load(site.sources, timezone=ZoneInfo, tzdata_version="2025.2")
    assert (len(policy.portals), len(policy.roles), len(policy.schedules)) == (1_000, 500, 100)
    assert len(policy.grants) + len(policy.denies) == RULES
    people = [one.facts for one in directory_of(big.roll(3_000)).holders.values()]
    dice = Random(3)
    at_s = [big.YEAR_FROM_S + dice.randrange(big.YEAR_S) for _ in range(50)]
    told: Counter[Code] = Counter()
    for question in big.calm_questions(site, people, QUESTIONS, at_s):
        decision = decide(policy, question)
        assert decision.granted is big.expected(site, policy, question), question
        told[decision.code] += 1
    assert 0.2 < told[Code.GRANTED] / QUESTIONS < 0.8, told
    for code in (Code.DENIED_BY_RULE, Code.NO_GRANT, Code.OUT_OF_SCHEDULE, Code.THREAT_CEILING):
        assert told[code] > QUESTIONS / 100, told


def test_the_same_seed_makes_the_same_site():
    assert big.site(100, seed=5) == big.site(100, seed=5)
    assert big.site(100, seed=5).sources != big.site(100, seed=6).sources
    assert big.roll(100, seed=5) == big.roll(100, seed=5)
