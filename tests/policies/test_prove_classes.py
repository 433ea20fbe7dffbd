"""The classes of the proofs stand for everything: a search without any class finds the same."""

from itertools import islice

import pytest

from policies import CompiledPolicy
from policies.prove import proofs
from tests.policies.naive import holds_always, holds_never
from tests.policies.small import small_site
from tests.policies.support import compiled
from tests.policies.worlds import text_of

POLICIES = 200
BATCHES = 10


def by_classes(policy: CompiledPolicy) -> dict[str, bool]:
    """Whether each declared invariant holds."""
    declared = len(policy.nevers) + len(policy.always)
    return {proof.id: proof.holds for proof in islice(proofs(policy), declared)}


def by_trying_everything(policy: CompiledPolicy) -> dict[str, bool]:
    found = {rule.id: holds_never(policy, rule) for rule in policy.nevers}
    return found | {rule.id: holds_always(policy, rule) for rule in policy.always}


@pytest.mark.parametrize("batch", range(BATCHES))
def test_classes_and_exhaustive_search_agree(batch: int) -> None:
    held, asked = 0, 0
    for seed in range(batch, POLICIES, BATCHES):
        policy = compiled(text_of(small_site(seed)))
        found = by_classes(policy)
        assert found == by_trying_everything(policy), f"seed {seed}"
        held += sum(found.values())
        asked += len(found)
    # Were nearly all of them alike, agreeing would say little.
    assert 0.15 < held / asked < 0.85
