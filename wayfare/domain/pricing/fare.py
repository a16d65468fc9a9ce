"""Fares to the cent: what a trip costs by the city's tariff, and what surge makes of it.

Everything is integer or decimal arithmetic in minor units of the city's currency, so currencies with no, two or
three decimals need no rule of their own, and every reader of the same numbers gets the same price.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from wayfare.domain.city import Tariff
from wayfare.domain.errors import InvalidInput


def base_fare_minor(tariff: Tariff, distance_m: int, duration_s: int) -> int:
    """flag + per_km x distance / 1000 + per_minute x duration / 60, rounded half up once, at least the minimum.

    >>> base_fare_minor(Tariff(350, 175, 55, 700), distance_m=5210, duration_s=901)
    2088
    """
    if distance_m < 0 or duration_s < 0:
        raise InvalidInput(f"a trip's distance and duration are not negative, got {distance_m} m and {duration_s} s")
    sixty_thousandths = (
        tariff.flag_minor * 60_000 + tariff.per_km_minor * distance_m * 60 + tariff.per_minute_minor * duration_s * 1000
    )
    return max((sixty_thousandths + 30_000) // 60_000, tariff.minimum_minor)


def price_minor(base_minor: int, multiplier: float) -> int:
    """base x multiplier in decimal arithmetic, half up.

    >>> price_minor(1480, 1.5), price_minor(1, 1.5), price_minor(3, 1.25)
    (2220, 2, 4)
    """
    # repr of a float is its shortest decimal form, which is the multiplier that was meant and shown.
    exact = Decimal(base_minor) * Decimal(repr(multiplier))
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))
