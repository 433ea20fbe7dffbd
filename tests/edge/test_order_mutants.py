"""A tenth of `make campaign orders`: one half always the same, the other another each time."""

import random
import sys

from tests.edge.order_mutants import HOPELESS, MAKERS, judged

FIXED = 20_261_122


def test_two_thousand_changed_orders_are_refused_or_mean_what_was_signed() -> None:
    fresh = random.SystemRandom().randrange(2**32)
    for seed in (FIXED, fresh):
        sys.stdout.write(f"seed {seed}\n")  # shown where it fails
        told, findings = judged(seed, 1000)
        assert findings == [], f"seed {seed}"
        assert {how for how, _ in told} == {make.__name__ for make in MAKERS} | {"transplanted"}
        same = {how for how, word in told if word == "same"}
        assert same
        assert not same & HOPELESS
