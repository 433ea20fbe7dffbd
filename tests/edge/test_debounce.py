"""An input that never rests is reported all the same."""

from hypothesis import given
from hypothesis import strategies as st

from controller.portal import Contact
from edge.debounce import Debounced

SETTLE_US = 50_000
HOLDS_US = 400_000


def test_a_leaf_that_is_open_or_cut_and_never_closed_is_reported_in_time() -> None:
    point: Debounced[Contact] = Debounced(SETTLE_US)
    assert point.feed(Contact.CLOSED, 0) is Contact.CLOSED
    states = [Contact.OPEN, Contact.FAULTED] * 5
    told = [point.feed(state, 40_000 * number) for number, state in enumerate(states, 1)]
    assert told[:3] == [None, None, Contact.OPEN], "the newest one, when its time has come"


def test_a_bounce_back_to_what_was_settled_is_no_news() -> None:
    point: Debounced[Contact] = Debounced(SETTLE_US)
    point.feed(Contact.CLOSED, 0)
    for number in range(1, 20, 2):
        assert point.feed(Contact.OPEN, 40_000 * number) is None
        assert point.feed(Contact.CLOSED, 40_000 * (number + 1)) is None
    assert point.deadline_us() is None


@given(
    settle_us=st.sampled_from([0, 1_000, SETTLE_US, 100_000]),
    readings=st.lists(
        st.tuples(st.integers(1_000, 120_000), st.sampled_from(list(Contact))), max_size=60
    ),
)
def test_whatever_is_not_the_settled_state_for_400_ms_is_reported(
    settle_us: int, readings: list[tuple[int, Contact]]
) -> None:
    """The timer fires when it is due, as the daemon arms it."""
    point: Debounced[Contact] = Debounced(settle_us)
    known = point.feed(Contact.CLOSED, 0)
    now_us, other_since_us = 0, None
    for pause_us, state in [*readings, (500_000, Contact.OPEN), (500_000, Contact.OPEN)]:
        due_us = point.deadline_us()
        if due_us is not None and due_us <= now_us + pause_us:
            known, other_since_us = point.due(due_us) or known, None
        now_us += pause_us
        if told := point.feed(state, now_us):
            known, other_since_us = told, None
        if state is known:
            other_since_us = None
        elif other_since_us is None:
            other_since_us = now_us
        assert other_since_us is None or now_us - other_since_us < HOLDS_US
    assert known is Contact.OPEN
