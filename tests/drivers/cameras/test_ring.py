"""The last seconds of a camera: bounded in time and in bytes."""

from drivers.cameras import ring as subject
from drivers.cameras.api import Picture
from drivers.cameras.ring import KEPT_NS_MIN, RING_BYTES_MAX, RING_NS, Ring


def picture(at_ns: int, size: int = 1000) -> Picture:
    return Picture(camera="gate", at_ns=at_ns, jpeg=bytes(size), width=640, height=480)


def filled(count: int, size: int = 1000) -> Ring:
    ring = Ring()
    for number in range(count):
        assert ring.due(number * KEPT_NS_MIN)
        ring.add(picture(number * KEPT_NS_MIN, size))
    return ring


def test_a_few_a_second_are_kept():
    ring = filled(2)
    assert not ring.due(2 * KEPT_NS_MIN - 1)
    assert ring.due(2 * KEPT_NS_MIN)


def test_what_is_too_old_goes():
    kept = filled(1000).between(0, 1000 * KEPT_NS_MIN)
    assert kept[-1].at_ns == 999 * KEPT_NS_MIN
    assert kept[-1].at_ns - kept[0].at_ns == RING_NS


def test_what_is_too_much_goes_however_young():
    kept = filled(100, 1 << 20).between(0, 100 * KEPT_NS_MIN)
    assert sum(len(one.jpeg) for one in kept) == RING_BYTES_MAX
    assert kept[-1].at_ns == 99 * KEPT_NS_MIN


def test_one_that_is_larger_than_all_of_it_is_not_kept():
    ring = filled(3)
    ring.add(picture(10**9, subject.RING_BYTES_MAX + 1))
    assert ring.nearest(0) is None


def test_the_nearest_is_found_on_either_side():
    ring = filled(10)
    assert ring.nearest(3 * KEPT_NS_MIN + 10).at_ns == 3 * KEPT_NS_MIN
    assert ring.nearest(4 * KEPT_NS_MIN - 10).at_ns == 4 * KEPT_NS_MIN
    assert Ring().nearest(5) is None


def test_a_time_is_cut_out_of_it_both_ends_included():
    kept = filled(10).between(2 * KEPT_NS_MIN, 4 * KEPT_NS_MIN)
    assert [one.at_ns // KEPT_NS_MIN for one in kept] == [2, 3, 4]


def test_a_picture_shows_nothing_of_itself():
    assert "jpeg" not in repr(picture(1))
