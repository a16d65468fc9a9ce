"""The comparisons of `docs/performance.md`, what each moves at least, and what bounds it."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """ratio: empty for the benchmark's own ratios, else the prefix of `_median`, `_least`, `_most` among its figures."""

    what: str
    against: str
    bench: str
    ratio: str
    least: float
    absolute: str
    bound: str


ROWS = (
    Row("degrees to cell, batch, inside one city", "h3-py", "cells", "", 15,
        "{cells_million_per_s:.0f} against {h3_million_per_s:.1f} million points/s",
        "Two table look-ups a point whose tables (0.5 MiB each) share a core's L2 with everything else. 100 times is the aim, not the promise."),
    Row("cell code to adaptive leaf, batch", "shapely STRtree", "cells", "leaf_over_strtree", 200,
        "{leaves_million_per_s:.0f} against {strtree_million_per_s:.2f} million codes/s, {tree_leaves} leaves",
        "Waiting for memory: the look-up in a table as fine as the smallest leaf, of two bytes an entry, takes two thirds of it; the rest is seeing that every code lies in the table's square."),
    Row("the same", "h3, a set of mixed resolutions", "cells", "leaf_over_h3", 200,
        "{leaves_million_per_s:.0f} against {h3_leaves_million_per_s:.1f} million codes/s",
        "As above; h3's own parent look-up is a few shifts in C, so its loop is faster than a spatial index."),
    Row("count-min update through dense counts", "Apache DataSketches from Python", "sketches", "", 30,
        "{update_million_per_s:.0f} against {their_update_million_per_s:.1f} million cabs/s",
        "The counting itself (`add.at`) takes half of the time; the rest is mostly seeing that the cells lie in one square of the table's width."),
    Row("count-min query", "Apache DataSketches from Python", "sketches", "query_over_peer", 10,
        "{query_million_per_s:.0f} against {their_query_million_per_s:.1f} million cells/s",
        "Four look-ups a cell, whose columns a grid knows. Hashing in every question (eight 64-bit multiplications a cell) leaves {hashing_query_over_peer_median:.1f} x."),
    Row("packed pings decoded, deduplicated, counted, one core", "kafka-python, json, dict", "ingest_decode", "", 20,
        "{packed_pings_per_s:.0f} against {peer_pings_per_s:.0f} pings/s",
        "Decoding, whose pings they are, and moving the state are column operations; of drivers with many rows in a read each is told and looked up once."),
    Row("JSON pings, the same", "kafka-python, json, dict", "ingest_decode", "json_path_over_peer", 2,
        "{json_pings_per_s:.0f} against {peer_pings_per_s:.0f} pings/s",
        "`orjson` and taking the fields out of each record are two fifths of it; records are read by compiled code (aiokafka's)."),
    Row("broker to window, one consumer process, packed", "kafka-python, json, dict, from the same broker", "broker_to_window", "", 10,
        "{packed_pings_per_s:.0f} against {loop_pings_per_s:.0f} pings/s of CPU",
        "Decoding and moving the state, as above; reading from the broker, closed panes, snapshots and the writes to Redis are in it, which the peers do without."),
    Row("the same", "Quix Streams", "broker_to_window", "over_quix", 10,
        "{packed_pings_per_s:.0f} against {quix_pings_per_s:.0f} pings/s of CPU",
        "As above. Quix Streams reads by librdkafka and runs the same dict in a callback."),
    Row("HTTP pings accepted per core, 1 to a request", "a plain Flask handler, unauthenticated", "http_pings", "", 0.8,
        "{ours_of_1_cpu_us_per_ping:.0f} against {plain_of_1_cpu_us_per_ping:.0f} us of CPU a ping",
        "gunicorn's threads, Flask and kafka-python are most of either. The application beside its token takes 0.2 ms in a process of one thread: strict body, schema, trace, metrics, log line, record. Gathering saves what kafka-python takes for each request to the brokers."),
    Row("HTTP pings accepted per core, 500 to a request", "a plain Flask handler, unauthenticated", "http_pings", "batches_of_500", 5,
        "{ours_of_500_cpu_us_per_ping:.1f} against {plain_of_500_cpu_us_per_ping:.1f} us of CPU a ping",
        "Whole columns from JSON to packed records: in a process of one thread the application takes about 5 us a ping, a tenth of it reading JSON. The rest is gunicorn, the producer's thread, and switching between threads."),
    Row("event to price at 5,000 pings/s, p99", "2 s", "event_hops", "", 1,
        "{p99_s:.2f} s",
        "Waiting, not work (see below): a quote knows its window up to what every partition has told, and one without events is moved by a tick a second; Redis is written every 0.2 s and copied every 0.25 s."),
    Row("window refresh in a front end, time", "each cell by its own Redis call", "window_refresh", "", 100,
        "{refresh_ms:.1f} against {each_cell_ms:.0f} ms for {cells_of_all_gauges} cells",
        "One round trip for the panes that are not closed, then decoding and adding them up."),
)  # fmt: skip


class Moved(NamedTuple):
    """Bytes that a measured path moves at least, beside what the machine moves at most.

    rate: a figure of the benchmark, times `scale` in items a second. limit: a figure of `limits`, times `limit_scale` in bytes a
    second.
    """

    what: str
    bench: str
    rate: str
    scale: float
    bytes_an_item: float | str
    made_of: str
    limit: str
    limit_scale: float


MEMORY = ("memory_copy_gb_per_s", 1e9)
READING = ("packed_consumed_mb_per_s", 1e6)
MOVED = (
    Moved("degrees to cell", "cells", "cells_million_per_s", 1e6, 24, "two doubles in, a code out", *MEMORY),
    Moved("cell code to leaf", "cells", "leaves_million_per_s", 1e6, 10, "a code in, a leaf's number out", *MEMORY),
    Moved("count-min update", "sketches", "update_million_per_s", 1e6, 8, "a cell's code in", *MEMORY),
    Moved("count-min query", "sketches", "query_million_per_s", 1e6, 36, "four places in, a count out", *MEMORY),
    Moved("packed pings decoded and counted", "ingest_decode", "packed_pings_per_s", 1, "packed_bytes_per_ping",
          "a ping as it is packed", *MEMORY),
    Moved("packed pings from the broker", "broker_to_window", "packed_pings_per_s", 1, "bytes_per_ping",
          "a ping as it is packed", *READING),
)  # fmt: skip
