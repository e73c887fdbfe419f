"""Times: read in the format of their column, in the right zone, or refused with a reason."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from listeners.files.times import FORMATS, TimeReader, UnreadableTime, guess_format, zone_of
from storage.errors import ConfigError

MOMENTS = st.datetimes(datetime(1996, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0)
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2017-10-31 22:13:02+00:00", datetime(2017, 10, 31, 22, 13, 2, tzinfo=UTC)),
        ("2022-10-03T17:57:01.000Z", datetime(2022, 10, 3, 17, 57, 1, tzinfo=UTC)),
        ("24-02-2015 11.35", datetime(2015, 2, 24, 11, 35, tzinfo=UTC)),
        ("Tue Oct 31 22:10:47 +0000 2017", datetime(2017, 10, 31, 22, 10, 47, tzinfo=UTC)),
        ("Tue, 31 Oct 2017 22:10:47 GMT", datetime(2017, 10, 31, 22, 10, 47, tzinfo=UTC)),
        ("Oct 31, 2017, 10:10\u202fPM", datetime(2017, 10, 31, 22, 10, tzinfo=UTC)),
        ("31-Oct-2017 9:05 a.m.", datetime(2017, 10, 31, 9, 5, tzinfo=UTC)),
        ("2024年3月5日 14:30", datetime(2024, 3, 5, 14, 30, tzinfo=UTC)),
        ("2024年3月5日 下午2点30分", datetime(2024, 3, 5, 14, 30, tzinfo=UTC)),
        ("２０２４／０３／０５ １４：３０", datetime(2024, 3, 5, 14, 30, tzinfo=UTC)),
        ("2015-02-24 11:35:52 -0800", datetime(2015, 2, 24, 19, 35, 52, tzinfo=UTC)),
        ("12/31/2024 12:06 AM", datetime(2024, 12, 31, 0, 6, tzinfo=UTC)),
        ("1509487847", datetime(2017, 10, 31, 22, 10, 47, tzinfo=UTC)),
        ("1509487847000", datetime(2017, 10, 31, 22, 10, 47, tzinfo=UTC)),
    ],
)
def test_a_time_people_export_is_recognised_and_read(text: str, expected: datetime) -> None:
    guess = guess_format([text])
    assert guess is not None
    assert TimeReader(guess.formats).read(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2 hours ago", "3小时前", "31-02-2024 10:00", "24-02-2015 25.99", "0000-00-00", "1970-01-01",
     "99999999999999999999", "2024-03-05T14:30:00+99:00", "\x00", "５月", "nan", "-1", "1e9"],
)  # fmt: skip
def test_what_is_no_time_is_refused_by_every_format(text: str) -> None:
    for name in FORMATS:
        with pytest.raises(UnreadableTime):
            TimeReader((name,)).read(text)


def test_days_and_months_that_could_be_either_are_reported_not_chosen() -> None:
    undecidable = guess_format(["03/04/2024 10:00", "05/06/2024 11:00"])
    assert undecidable is not None
    assert undecidable.ambiguous
    day_first = guess_format(["03/04/2024 10:00", "25/06/2024 11:00"])
    month_first = guess_format(["03/04/2024 10:00", "06/25/2024 11:00"])
    assert day_first is not None
    assert month_first is not None
    assert (day_first.formats, day_first.ambiguous) == (("dmy",), False)
    assert (month_first.formats, month_first.ambiguous) == (("mdy",), False)
    assert "25/06/2024" in day_first.reason


def test_a_time_without_zone_is_placed_in_the_configured_zone_else_in_utc_and_counted() -> None:
    assert TimeReader(("dmy",), zone_of("Asia/Hong_Kong")).read("05-03-2024 14.30") == datetime(
        2024, 3, 5, 6, 30, tzinfo=UTC
    )
    reader = TimeReader(("dmy", "iso"))
    reader.read("05-03-2024 14.30")
    reader.read("2024-03-05T14:30:00+08:00")
    assert reader.assumed == 1


def test_an_ambiguous_zone_abbreviation_is_refused() -> None:
    assert TimeReader(("ymd",)).read("2024-03-05 14:30 PST") == datetime(2024, 3, 5, 22, 30, tzinfo=UTC)
    with pytest.raises(UnreadableTime, match="CST"):
        TimeReader(("ymd",)).read("2024-03-05 14:30 CST")


def test_a_time_in_the_future_is_refused() -> None:
    reader = TimeReader(("iso",), latest=datetime(2026, 3, 3, tzinfo=UTC))
    with pytest.raises(UnreadableTime, match="future"):
        reader.read("2026-12-03T00:00:00Z")


def test_unknown_zones_and_formats_are_configuration_errors() -> None:
    with pytest.raises(ConfigError, match="Asia/Hong_Kong"):
        zone_of("Mars/Olympus")
    with pytest.raises(ConfigError, match="no time format"):
        TimeReader(("sometimes",))


@given(MOMENTS, st.sampled_from([0, 8, -5, 5.5]))
def test_every_format_reads_back_what_it_would_write(moment: datetime, offset: float) -> None:
    local = moment.astimezone(timezone(timedelta(hours=offset)))
    zone = local.strftime("%z")
    written = {
        "iso": local.isoformat(),
        "epoch": str(int(moment.timestamp())),
        "epoch_ms": str(int(moment.timestamp() * 1000)),
        "named": local.strftime(f"%a %b %d %H:%M:%S {zone} %Y"),
        "ymd": f"{local.year}年{local.month}月{local.day}日 {local:%H:%M:%S} {zone}",
        "dmy": local.strftime(f"%d.%m.%Y %I:%M:%S %p {zone}"),
        "mdy": local.strftime(f"%m/%d/%Y, %H:%M:%S {zone}"),
    }
    for name, text in written.items():
        assert TimeReader((name,)).read(text) == moment, name


@given(st.text(max_size=60))
def test_no_text_makes_the_reader_fail_in_another_way(text: str) -> None:
    try:
        moment = TimeReader(FORMATS).read(text)
    except UnreadableTime:
        return
    assert moment.tzinfo is UTC
