"""Crontab's five fields, by themselves and by the clock of a server in another zone."""

from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netanomaly.cluster.cron import parse
from netanomaly.cluster.zones import Entry, entries, zone
from netanomaly.errors import InputError

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("five", "six"),
    [
        ("0 3 * * *", "0 0 3 * * *"),
        ("*/15 8-18 * * mon-FRI", "0 */15 8-18 * * mon-FRI"),
        ("0 0 1,15 jan,jul ?", "0 0 0 1,15 jan,jul ?"),
        ("0 0 * * 7", "0 0 0 * * 0"),
        ("0 0 * * 5-7", "0 0 0 * * 5,6,0"),
        ("0 0 * * 5-7/3,*/4", "0 0 0 * * 5,*/4"),
        ("10-50/20 0 * * *", "0 10-50/20 0 * * *"),
        ("@daily", "0 0 0 * * *"),
    ],
)
def test_five_fields_become_the_servers_six(five, six):
    assert parse(five).six_fields == six


@pytest.mark.parametrize(
    "text",
    [
        *("", "every night", "0 3 * *", "0 0 3 * * *", "@reboot", "@every 1h", "60 * * * *", "* 24 * * *"),
        *("0 0 0 * *", "0 0 32 * *", "0 0 * 13 *", "0 0 * * 8", "0 0 30 2 *", "5/10 * * * *", "*/0 * * * *"),
        *("30-10 * * * *", "1,,2 * * * *", "1-2-3 * * * *", "-1 * * * *", "x * * * *", "0 0 L * *", "0 0 * * 5#3"),
        *("\u0663 * * * *", "1.5 * * * *", "* * * mar-x *", "0 0 * * jan"),
    ],
)
def test_what_is_no_cron_is_refused(text):
    with pytest.raises(InputError, match="cron"):
        parse(text)


def test_a_star_decides_how_the_two_day_fields_go_together():
    """As in crontab: without a star either day will do, with one (`*/2` has one) both must hold."""
    either = list(islice(parse("0 0 13 * 5").firings(UTC, datetime(2026, 2, 1, tzinfo=UTC)), 5))
    assert [moment.day for moment in either] == [6, 13, 20, 27, 6]
    both = list(islice(parse("0 0 */2 * 5").firings(UTC, datetime(2026, 1, 31, 12, tzinfo=UTC)), 3))
    assert [(moment.month, moment.day) for moment in both] == [(2, 13), (2, 27), (3, 13)]


def test_a_leap_day_is_found_years_ahead():
    assert next(parse("0 0 29 2 *").firings(UTC, NOW)) == datetime(2028, 2, 29, tzinfo=UTC)


@pytest.mark.parametrize("name", ["Europe/Berln", "Berlin", "", "../../etc/passwd", "Mars/Olympus"])
def test_an_unknown_zone_is_refused(name):
    with pytest.raises(InputError, match="no time zone"):
        zone(name)


def test_zones_without_changes_of_clocks_against_each_other_need_one_entry():
    for wanted, server in (("Asia/Kolkata", "UTC"), ("Europe/Paris", "Europe/Berlin"), ("UTC", "UTC")):
        assert len(entries(parse("0 3 * * *"), zone(wanted), zone(server), NOW)) == 1


def test_times_of_every_hour_need_one_entry_in_any_zone():
    assert entries(parse("*/10 * * * *"), zone("Europe/Berlin"), UTC, NOW) == [Entry("0 */10 * * * *")]


@pytest.mark.parametrize("cron", ["0 3 1 * *", "0 3 * 1 *", "0 3,20 * * 1", "15,30 3,4 1 * *"])
def test_what_the_servers_clock_cannot_say_is_refused(cron):
    with pytest.raises(InputError, match="cannot be said by the server's clock"):
        entries(parse(cron), zone("Asia/Tokyo"), UTC, NOW)


_CRONS = st.builds(
    "{} {} {} {} {}".format,
    st.sampled_from(["0", "30", "*/20", "5,35", "59"]),
    st.sampled_from(["0", "1", "2", "3", "23", "*", "*/6", "1-4", "2,14"]),
    st.sampled_from(["*", "*/2", "1-31"]),
    st.sampled_from(["*", "1-12"]),
    st.sampled_from(["*", "0", "7", "1-5", "sat", "*/3"]),
)
_ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns"]


@settings(max_examples=60, deadline=None)
@given(_CRONS, st.sampled_from(_ZONES), st.sampled_from(["UTC", "Europe/Berlin", "Asia/Tokyo"]))
def test_the_server_fires_when_a_clock_of_the_zone_shows_the_times(text, wanted_name, server_name):
    """Over the days around each change of clocks: the moments at which the zone's wall clock fits, and no others."""
    cron, wanted, server = parse(text), zone(wanted_name), zone(server_name)
    try:
        made = entries(cron, wanted, server, NOW)
    except InputError:
        return
    fired = sorted(moment for entry in made for moment in _by_the_server(entry, server, NOW))
    assert fired == [moment for moment in _all_days() if _shows(cron, moment.astimezone(wanted))]


_DAYS = (datetime(2026, 11, 30, tzinfo=UTC), datetime(2027, 3, 28, tzinfo=UTC), datetime(2027, 11, 7, tzinfo=UTC))
_SPAN = timedelta(days=2)


def _all_days():
    for first in _DAYS:
        yield from (first + timedelta(minutes=minute) for minute in range(int(_SPAN.total_seconds() // 60)))


def _shows(cron, clock):
    hits = clock.minute in cron.minute.values and clock.hour in cron.hour.values
    return hits and cron.on(clock.date())


def _by_the_server(entry: Entry, server, now):
    """What the server makes of an entry: strictly after its start, up to its end, by its own clock."""
    cron = parse(entry.cron.removeprefix("0 "))
    for first in _DAYS:
        after = max(first - timedelta(minutes=1), entry.start or now)
        last = min(first + _SPAN - timedelta(minutes=1), entry.end or datetime.max.replace(tzinfo=UTC))
        yield from takewhile(last.__ge__, cron.firings(server, after))


def test_what_the_clock_leaves_out_does_not_fire_and_what_it_shows_twice_fires_twice():
    berlin = ZoneInfo("Europe/Berlin")
    cron = parse("30 2 * * *")
    spring = list(islice(cron.firings(berlin, datetime(2027, 3, 27, 12, tzinfo=UTC)), 1))
    assert [moment.day for moment in spring] == [29]
    autumn = list(islice(cron.firings(berlin, datetime(2027, 10, 30, 12, tzinfo=UTC)), 3))
    assert [(moment.day, moment.hour) for moment in autumn] == [(31, 0), (31, 1), (1, 1)]
