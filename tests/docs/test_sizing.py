"""The sizing model: its arithmetic, by hand. That the page has its table is looked at elsewhere."""

import pytest

from docs.sizing import CHECKPOINT_WIRE, LEASED_HOUR, PASSAGE, SITES, Site, rows, size

ONE = Site("one", edges=1, doors=1, passages=100)


def test_a_door_that_only_people_use() -> None:
    found = size(ONE)
    assert found.events_day == pytest.approx(100 * PASSAGE.events)
    assert found.edge_gb_year == pytest.approx(590 * PASSAGE.journal * 365 / 1e9)
    assert found.edge_written_gb_year == pytest.approx(590 * PASSAGE.written * 365 / 1e9)
    assert found.sqlite_gb_year == pytest.approx(590 * PASSAGE.sqlite * 365 / 1e9)
    assert found.day_away_s == pytest.approx(590 / 5_000)


def test_a_door_that_only_stands_open() -> None:
    found = size(Site("open", edges=1, doors=1, passages=0, open_hours=2))
    assert found.events_day == 2 * 720, "two every ten seconds"
    assert found.postgres_gb_year == pytest.approx(1_440 * LEASED_HOUR.postgres * 365 / 1e9)


def test_where_nothing_happens_checkpoints_are_sent_all_the_same() -> None:
    found = size(Site("idle", edges=1, doors=1, passages=0))
    assert found.events_day == 0
    assert found.wire_kbit_s == pytest.approx(1_440 * CHECKPOINT_WIRE * 8 / 1_000 / 36_000)


def test_edges_add_up_in_the_archive_and_not_at_the_edge() -> None:
    one, ten = size(ONE), size(ONE._replace(edges=10))
    assert ten.sqlite_gb_year == pytest.approx(10 * one.sqlite_gb_year)
    assert ten.events_s == pytest.approx(10 * one.events_s)
    assert (ten.edge_gb_year, ten.wire_kbit_s, ten.day_away_s) == (
        one.edge_gb_year,
        one.wire_kbit_s,
        one.day_away_s,
    )


def test_the_table_has_a_row_for_every_site() -> None:
    written = list(rows())
    assert [row[0] for row in written] == [site.name for site in SITES]
    assert written[-1][3] == "24,640,000"
