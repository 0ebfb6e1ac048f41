"""Ages, clock times, sizes and counts as the screen writes them. Pure; `now` is handed in (seconds, UTC)."""

from __future__ import annotations

import time

MINUTE = 60
HOUR = 3600
DAY = 86_400

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def span(seconds: float) -> str:
    """A length of time in one whole unit: `now`, `1m`-`59m`, `1h`-`23h`, `1d`-`99d`, `99d+`."""
    if seconds < MINUTE:
        return "now"
    if seconds < HOUR:
        return f"{int(seconds // MINUTE)}m"
    if seconds < DAY:
        return f"{int(seconds // HOUR)}h"
    days = int(seconds // DAY)
    return f"{days}d" if days <= 99 else "99d+"


def left(seconds: float) -> str:
    """What is left until a moment: as `span`, but `<1m` under a minute and `now` when it has passed."""
    if seconds <= 0:
        return "now"
    return "<1m" if seconds < MINUTE else span(seconds)


def clock_text(at: float, now: float) -> str:
    """A point in time in the server's zone: `14:33`, `Sun 13:31` if not today, `16 Nov 13:31` if far."""
    then, today = time.localtime(at), time.localtime(now)
    text = f"{then.tm_hour:02}:{then.tm_min:02}"
    if (then.tm_year, then.tm_yday) == (today.tm_year, today.tm_yday):
        return text
    if abs(at - now) < 6 * DAY:
        return f"{_DAYS[then.tm_wday]} {text}"
    date = f"{then.tm_mday} {_MONTHS[then.tm_mon - 1]}"
    return f"{date} {text}" if then.tm_year == today.tm_year else f"{date} {then.tm_year}"


def size(count: int) -> str:
    """Bytes in decimal units, three figures at most: `0 B`, `912 kB`, `2.0 MB`, `18.4 MB`."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 99.95:
            return f"{value:.1f} {unit}"
        if value < 999.5:
            return f"{value:.0f} {unit}"
    return f"{value:.0f} TB"


def byte_rate(bytes_a_second: float) -> str:
    """Bytes a second in two figures: `7 B/s`, `310 B/s`, `1.2 kB/s`."""
    return f"{size(int(float(f'{bytes_a_second:.2g}')))}/s"


def size_short(count: int) -> str:
    """Bytes in two or three figures for a cell that also holds a bar: `42 MB`, `9.9 MB`."""
    text = size(count)
    number, _, unit = text.partition(" ")
    return text if "." not in number or float(number) < 9.95 else f"{float(number):.0f} {unit}"


def digits(count: int) -> str:
    """A whole number; from 10,000 on with commas."""
    return f"{count:,}" if count >= 10_000 else str(count)


def plural(count: int, noun: str) -> str:
    """`1 job`, `2 jobs`."""
    return f"{digits(count)} {noun}{'' if count == 1 else 's'}"


def ordinal(place: int) -> str:
    """`1st`, `2nd`, `3rd`, `11th`."""
    if 10 <= place % 100 <= 20:
        return f"{place}th"
    return f"{place}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(place % 10, 'th') }"
