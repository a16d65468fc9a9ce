"""The Quix Streams side of `broker_to_window`: arguments are the bootstrap address, the topic and how many records to read."""

from __future__ import annotations

import json
import secrets
import sys
import time
from typing import Any

from bench.tally import Tally


def main(bootstrap: str, name: str, records: int) -> None:
    """Print the counts and the CPU seconds from the first record to the last."""
    from quixstreams import Application

    app = Application(
        broker_address=bootstrap, consumer_group=f"bench-{secrets.token_hex(4)}", auto_offset_reset="earliest", loglevel="ERROR"
    )  # fmt: skip
    frame = app.dataframe(app.topic(name, value_deserializer="json", key_deserializer="str"))
    tally, seen, began = Tally(), 0, 0.0

    def take(raw: dict[str, Any]) -> None:
        nonlocal seen, began
        began = began or time.process_time()
        tally.take(raw)
        seen += 1
        if seen == records:
            print(json.dumps({"counts": tally.counts(), "seconds": time.process_time() - began}), flush=True)
            app.stop()

    frame.update(take)
    app.run()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
