"""Asks engine and second reading the same on random policies; arguments: [POLICIES] [QUESTIONS].

So many questions to each policy. Verdict, objections, notes and the rule that an entry rests on
have to be the same. The first differences are told, and one of each kind on its smallest case.
"""

import sys
from itertools import islice

from policies import Code, decide
from tests.campaigns import Result
from tests.policies.comparison import Compared, compared, difference, plainly, smallest
from tests.policies.reference import expected
from tests.policies.worlds import policy, questions, text_of, tree

POLICIES, QUESTIONS = 1_000, 100
AT_ONCE = 50
"""Policies between two lines of progress."""

ENTRY_GRANTS_MIN = 0.10
TOLD_MAX = 20


def run(seed: int, arguments: list[str]) -> Result:
    """As the module says; the policies are those that follow the seed."""
    count = int(arguments[0]) if arguments else POLICIES
    each = int(arguments[1]) if len(arguments) > 1 else QUESTIONS
    parts = []
    for first in range(seed, seed + count, AT_ONCE):
        seeds = range(first, min(first + AT_ONCE, seed + count))
        parts.append(compared(seeds, each))
        if parts[-1].differences:
            _tell(parts[-1], seeds, each)
        sys.stdout.write(f"{seeds.stop - seed} of {count} policies\n")
        sys.stdout.flush()
    asked = sum(part.questions for part in parts)
    entries = sum(part.entry_grants for part in parts)
    different = sum(len(part.differences) for part in parts)
    codes = frozenset[Code]().union(*(part.codes for part in parts))
    summary = (
        f"{asked} questions on {count} policies, {entries / asked:.0%} of them entries granted, "
        f"{len(codes)} of {len(Code)} codes met, {different} differences"
    )
    aimed = entries >= ENTRY_GRANTS_MIN * asked
    return Result(different == 0 and aimed and asked == count * each, summary)


def _tell(part: Compared, seeds: range, each: int) -> None:
    """Differences, and each kind once on its smallest case."""
    for line in islice(part.differences, TOLD_MAX):
        sys.stdout.write(f"{line}\n")
    kinds = set()
    for seed, ask in questions(seeds, each):
        kind = difference(decide(policy(seed), ask), expected(tree(seed), ask))
        if kind and kind not in kinds and len(kinds) < TOLD_MAX:
            kinds.add(kind)
            small, asked = smallest(tree(seed), ask)
            sys.stdout.write(f"\n{kind}: {plainly(asked)}\n{text_of(small)}\n")
