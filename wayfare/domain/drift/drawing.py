"""Small SVG charts of the drift report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from wayfare.domain.geo.cells import bounds, from_quadkey

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TALLEST = 320, 120, 4, 16, 220


def bars(name: str, labels: Sequence[str], counts: Sequence[int], expected: Sequence[float], total: int = 0) -> str:
    """Shares now, of `total` or all counts, beside those expected: a pair of bars a bin, with their figures as tooltips."""
    total = max(1, total or sum(counts))
    if not labels:
        return ""
    shares = [count / total for count in counts]
    most = max([*shares, *expected, 1e-9])
    step = (_WIDTH - 2 * _LEFT) / len(labels)
    tall = _HEIGHT - _BOTTOM - 4
    drawn = []
    for at, (label, now, then) in enumerate(zip(labels, shares, expected, strict=True)):
        x, wide = _LEFT + at * step, step * 0.42
        for offset, kind, share in ((0.0, "train", then), (wide, "now", now)):
            high = tall * share / most
            drawn.append(
                f'<rect class="{kind}" x="{x + offset:.1f}" y="{_HEIGHT - _BOTTOM - high:.1f}" width="{wide:.1f}" height="{high:.1f}">'
                f"<title>{escape(label)}: {share:.2%} {'in training' if kind == 'train' else 'now'}</title></rect>"
            )
    first, last = escape(labels[0].lstrip("-") or labels[0]), escape(labels[-1].rstrip("-"))
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="Distribution of {escape(name)}, now beside training">'
        f'{"".join(drawn)}<text x="{_LEFT}" y="{_HEIGHT - 3}">{first}</text>'
        f'<text x="{_WIDTH - _LEFT}" y="{_HEIGHT - 3}" text-anchor="end">{last}</text></svg>'
    )


def line(name: str, values: Sequence[float | None]) -> str:
    """A line of hourly values around zero, broken where there is none; nothing when there are fewer than two."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return ""
    most = max(0.2, *(abs(value) for value in known))
    step, middle = (_WIDTH - 2 * _LEFT) / max(1, len(values) - 1), 24.0
    parts, current = [], ""
    for at, value in enumerate([*values, None]):
        if value is None:
            parts += [f'<polyline class="line" points="{current.strip()}"/>'] if current else []
            current = ""
        else:
            current += f" {_LEFT + at * step:.1f},{middle - 20 * value / most:.1f}"
    return (
        f'<svg viewBox="0 0 {_WIDTH} 62" role="img" aria-label="Hourly shift of {escape(name)}, in standard deviations">'
        f'<line class="zero" x1="{_LEFT}" x2="{_WIDTH - _LEFT}" y1="{middle}" y2="{middle}"/>{"".join(parts)}'
        f'<text x="{_LEFT}" y="58">{len(values)} h ago</text><text x="{_WIDTH / 2}" y="58" text-anchor="middle">'
        f"hourly means: {min(known):+.2f} to {max(known):+.2f} sd</text>"
        f'<text x="{_WIDTH - _LEFT}" y="58" text-anchor="end">now</text></svg>'
    )


def _near(boxes: Sequence[tuple[float, ...]], box: tuple[float, ...]) -> bool:
    """Whether a box lies within a few typical distances of the typical one."""
    for low, high in ((0, 2), (1, 3)):
        middles = sorted((one[low] + one[high]) / 2 for one in boxes)
        middle = middles[len(middles) // 2]
        typical = sorted(abs(one - middle) for one in middles)[len(middles) // 2]
        if abs((box[low] + box[high]) / 2 - middle) > 4 * typical + (box[high] - box[low]):
            return False
    return True


def map_of_cells(cells: Sequence[tuple[str, float, float]]) -> str:
    """Cells (quadkey, share now, share expected) where they lie: orange where there are more than expected, blue where fewer."""
    if not cells:
        return ""
    # A tree's largest cells are the rest of the world: where the city is, cells are small.
    finest = sorted(len(key) for key, _now, _then in cells)[len(cells) // 2]
    cells = [cell for cell in cells if len(cell[0]) >= finest - 3]
    boxes = [bounds(*from_quadkey(key)) for key, _now, _then in cells]
    # The airport would make the city a speck.
    near = [_near(boxes, box) for box in boxes]
    cells = [cell for cell, kept in zip(cells, near, strict=True) if kept]
    boxes = [box for box, kept in zip(boxes, near, strict=True) if kept]
    west, south = min(box[0] for box in boxes), min(box[1] for box in boxes)
    east, north = max(box[2] for box in boxes), max(box[3] for box in boxes)
    narrow = math.cos(math.radians((south + north) / 2))
    scale = min(_WIDTH / ((east - west) * narrow), _TALLEST / (north - south))
    high = (north - south) * scale
    drawn = []
    # Large cells first, so that small ones inside them are seen.
    for (key, now, then), (w, s, e, n) in sorted(zip(cells, boxes, strict=True), key=lambda pair: len(pair[0][0])):
        ratio = max(-1.0, min(1.0, math.log2(max(now, 1e-6) / max(then, 1e-6)) / 1.5))
        colour = "#c2571a" if ratio > 0 else "#2b6cb0"
        drawn.append(
            f'<rect x="{(w - west) * narrow * scale:.1f}" y="{(north - n) * scale:.1f}" width="{(e - w) * narrow * scale:.1f}" '
            f'height="{(n - s) * scale:.1f}" fill="{colour}" fill-opacity="{0.08 + 0.82 * abs(ratio):.2f}" stroke="#8fa3b8" '
            f'stroke-width="0.5"><title>{escape(key)}: {then:.2%} in training, {now:.2%} now</title></rect>'
        )
    return (
        f'<svg viewBox="0 0 {_WIDTH} {high:.0f}" role="img" aria-label="Where shares changed">{"".join(drawn)}'
        f'<text x="2" y="{high - 3:.0f}">{south:.3f}, {west:.3f}</text></svg>'
    )
