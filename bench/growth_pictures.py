"""The pictures of `growth`: reads curves as JSON, writes one SVG each; equal curves give equal files."""

from __future__ import annotations

import json
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # after the choice of what draws


def main() -> None:
    """Draw every curve with its fitted power law."""
    plt.rcParams["svg.hashsalt"] = "wayfare"
    for one in json.load(sys.stdin):
        sizes, costs = zip(*one["curve"], strict=True)
        figure, axes = plt.subplots(figsize=(5, 3.2))
        axes.loglog(sizes, costs, "o-", color="#1b6ca8")
        axes.set_xlabel(one["x"])
        axes.set_ylabel(one["y"])
        axes.set_ylim(min(costs) / 3, max(costs) * 3)
        axes.set_title(f"fitted slope {one['slope']:.2f}", fontsize=10)
        axes.grid(True, which="major", alpha=0.3)
        figure.tight_layout()
        figure.savefig(one["file"], metadata={"Date": None})
        plt.close(figure)


if __name__ == "__main__":
    main()
