"""Small SVG charts of the drift report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from wayfare.domain.geo.cells import bounds, from_quadkey

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 320, 120, 4, 16


def bars(name: str, labels: Sequence[str], counts: Sequence[int], expected: Sequence[float]) -> str:
    """Shares now beside those expected, a pair of bars a bin, with their figures as tooltips."""
    total = max(1, sum(counts))
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


def map_of_cells(cells: Sequence[tuple[str, float, float]]) -> str:
    """Cells (quadkey, share now, share expected) where they lie: orange where there are more than expected, blue where fewer."""
    if not cells:
        return ""
    boxes = [bounds(*from_quadkey(key)) for key, _now, _then in cells]
    west, south = min(box[0] for box in boxes), min(box[1] for box in boxes)
    east, north = max(box[2] for box in boxes), max(box[3] for box in boxes)
    narrow = math.cos(math.radians((south + north) / 2))
    scale = min(_WIDTH / ((east - west) * narrow), 260 / (north - south))
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
