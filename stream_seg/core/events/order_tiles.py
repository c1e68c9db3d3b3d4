"""Order tiles: count and money of orders that a record no longer remembers one by one, per day or week."""

from __future__ import annotations

from math import inf
from struct import Struct
from typing import Final, NamedTuple

from stream_seg.core.decay import DAY_S

from .recent_ids import position

# Kinds of tiles, from the newest orders to the oldest: one UTC day, one week, and all orders before.
DAY, WEEK, EARLIER = range(3)

TILE: Final = Struct("<BHHI")  # kind, number of the day or week since 1970, orders, minor units kept
TILE_BYTES: Final = TILE.size
_NUMBER: Final = Struct("<H")

# Tiles are days for so long after the last order, then weeks for so many weeks.
DAYS: Final = 91
WEEKS: Final = 53

_DAYS_PER_WEEK: Final = 7
_PERIOD_BYTES: Final = 3  # kind and number
_MOST_ORDERS: Final = 2**16 - 1
_MOST_MONEY: Final = 2**32 - 1


class Tile(NamedTuple):
    """The orders of one period, and the money that was kept of them."""

    kind: int
    number: int
    orders: int
    money: int

    def covers(self, day: int) -> bool:
        """Return whether a UTC day, counted since 1970, is in this period."""
        if self.kind == EARLIER:
            return True
        return self.number == (day if self.kind == DAY else day // _DAYS_PER_WEEK)

    @property
    def last_day(self) -> int:
        """The last UTC day of the period, 0 for the orders before all others."""
        return self.number if self.kind == DAY else (self.number + 1) * _DAYS_PER_WEEK - 1 if self.kind == WEEK else 0


def unpack(section: bytes) -> list[Tile]:
    """Return the tiles of a section, newest first."""
    return [Tile(*values) for values in TILE.iter_unpack(section)]


def pack(tiles: list[Tile]) -> bytes:
    """Return the section of tiles, at most one per period."""
    return b"".join([TILE.pack(*tile) for tile in sorted(tiles, key=lambda tile: (tile.kind, -tile.number))])


def add(section: bytes, t: float, orders: int, money: int, newest: float) -> bytes:
    """Return a section with `orders` of `t` and their money added.

    `newest` is the time of the customer's last order. Tiles that are too old for their kind become larger ones, checked
    once a week. Times are epoch seconds.
    """
    day, last = int(t // DAY_S), int(max(t, newest) // DAY_S)
    kind, number = _period(DAY, day, last)
    if not section:
        return TILE.pack(kind, number, orders, money)
    period = TILE.pack(kind, number, 0, 0)[:_PERIOD_BYTES]
    known_at = position(section, period, TILE_BYTES)
    if known_at >= 0:
        tile = Tile(*TILE.unpack_from(section, known_at))
        return section[:known_at] + _sum(tile, orders, money) + section[known_at + TILE_BYTES :]
    first_kind, first, *_ = TILE.unpack_from(section)
    if (kind, -number) > (first_kind, -first):
        return _folded(pack([*unpack(section), Tile(kind, number, orders, money)]), last)
    section = TILE.pack(kind, number, orders, money) + section
    if kind == first_kind == DAY and first // _DAYS_PER_WEEK == day // _DAYS_PER_WEEK:
        return section
    return _folded(section, last)


def _folded(section: bytes, last: int) -> bytes:
    """Return a section with the periods that tiles belong to when the last order was on the day `last`.

    Tiles are newest first, so only those at the end of each kind can be too old for it. Old days join the weeks that
    start at `days`, and old weeks join the orders before.
    """
    kinds = section[::TILE_BYTES]
    days = joined = kinds.count(DAY)
    end = days + kinds.count(WEEK)
    fresh = _newer(section, 0, days, last - DAYS)
    kept = _newer(section, days, end, last // _DAYS_PER_WEEK - WEEKS)
    if fresh == days and kept == end:
        return section
    if fresh < days:
        oldest = _number(section, days - 1) // _DAYS_PER_WEEK
        while joined < kept and _number(section, joined) >= oldest:
            joined += 1
    fresh_at, joined_at, kept_at = fresh * TILE_BYTES, joined * TILE_BYTES, kept * TILE_BYTES
    merged: dict[tuple[int, int], Tile] = {}
    for tile in unpack(section[fresh_at:joined_at] + section[kept_at:]):
        period = _period(tile.kind, tile.last_day, last)
        known = merged.get(period)
        orders, money = (
            (tile.orders, tile.money) if known is None else (known.orders + tile.orders, known.money + tile.money)
        )
        merged[period] = Tile(*period, min(orders, _MOST_ORDERS), min(money, _MOST_MONEY))
    earlier = merged.pop((EARLIER, 0), None)
    before = b"" if earlier is None else TILE.pack(*earlier)
    return section[:fresh_at] + pack(list(merged.values())) + section[joined_at:kept_at] + before


def _newer(section: bytes, first: int, end: int, limit: int) -> int:
    """Return the end of the tiles from index `first` to `end` whose number is greater than `limit`."""
    while end > first and _number(section, end - 1) <= limit:
        end -= 1
    return end


def _number(section: bytes, at: int) -> int:
    """Return the number of the day or week of the tile at index `at`."""
    number: int = _NUMBER.unpack_from(section, at * TILE_BYTES + 1)[0]
    return number


def take(section: bytes, day: int | None, money: int) -> tuple[bytes, int]:
    """Return a section with at most `money` taken from the tile of a UTC day, and the amount taken.

    With None for the day, the money comes from the oldest tiles.
    """
    tiles, taken = unpack(section), 0
    for at in range(len(tiles) - 1, -1, -1) if day is None else [_place(tiles, day)]:
        if at >= 0:
            part = min(tiles[at].money, money - taken)
            tiles[at] = tiles[at]._replace(money=tiles[at].money - part)
            taken += part
    return pack(tiles), taken


def cancel(section: bytes, day: int) -> tuple[bytes, bool]:
    """Return a section with one order less on a UTC day, and whether there was one."""
    tiles = unpack(section)
    at = _place(tiles, day)
    if at < 0 or not tiles[at].orders:
        return section, False
    tiles[at] = tiles[at]._replace(orders=tiles[at].orders - 1)
    return pack(tiles), True


def holds_day(section: bytes, day: int) -> bool:
    """Return whether an order of a UTC day may be among the tiles."""
    return any(tile.orders and tile.covers(day) for tile in unpack(section))


def latest(section: bytes) -> float | None:
    """Return the time of the latest order among the tiles to the day or week, epoch seconds.

    Without tiles it is -inf, and None if only their earliest orders are left, whose time is not known.
    """
    days = [tile.last_day for tile in unpack(section) if tile.orders]
    if not days:
        return None if section else -inf
    return max(days) * DAY_S or None


def _place(tiles: list[Tile], day: int) -> int:
    """Return the index of the first tile that covers a day, or -1."""
    return next((at for at, tile in enumerate(tiles) if tile.covers(day)), -1)


def _sum(tile: Tile, orders: int, money: int) -> bytes:
    """Return a packed tile with orders and money added."""
    return TILE.pack(*tile[:2], min(tile.orders + orders, _MOST_ORDERS), min(tile.money + money, _MOST_MONEY))


def _period(kind: int, day: int, last: int) -> tuple[int, int]:
    """Return kind and number of the period of orders up to `day` that are in a tile of `kind`.

    `last` is the day of the last order. Days count since 1970.
    """
    if kind == EARLIER or last // _DAYS_PER_WEEK - day // _DAYS_PER_WEEK >= WEEKS:
        return EARLIER, 0
    if kind == WEEK or last - day >= DAYS:
        return WEEK, day // _DAYS_PER_WEEK
    return DAY, day
