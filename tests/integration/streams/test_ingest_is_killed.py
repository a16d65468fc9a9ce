"""Ingest killed in mid-stream: what is left equals what an uninterrupted run over the same log gives."""

from __future__ import annotations

import random
import time

import pytest

from wayfare.adapters.window_proof import WindowProof, prove

STEPS = 40


@pytest.mark.parametrize("seed", [5, 6])
def test_ingest_killed_again_and_again_leaves_the_registers_of_an_uninterrupted_run(stage, seed):
    draw = random.Random(seed)
    kills = set(draw.sample(range(5, 35), 3))
    forgets = draw.randrange(10, 35)
    with stage.log(seed) as log, stage.ingest() as ingest:
        for step in range(STEPS):
            log.step()
            time.sleep(draw.uniform(0, 0.1))
            if step in kills:
                stage.kill_and_start(ingest)
            if step == forgets:
                stage.redis.delete(*stage.redis.keys(f"wf:{{{stage.city}}}:*") or ["none"])
        given = stage.until_equal()
    assert given.rows == STEPS * 62
    assert len(given.closed) >= 7 * 4 * 5


def test_a_bit_that_is_wrong_and_a_register_that_is_missing_are_found_by_the_proof(stage):
    with stage.log(7) as log, stage.ingest():
        for _ in range(10):
            log.step()
        live = stage.until_equal().live
    altered, missing = sorted(live)[0], sorted(live)[-1]
    for key in (altered, missing):
        _city, rest = key.split("|", 1)
        name, pane = rest.rsplit("|", 1)
        if key == altered:
            stage.redis.hset(f"wf:{{{stage.city}}}:pane:{pane}", name, live[key][:-1] + bytes([live[key][-1] ^ 1]))
        else:
            stage.redis.hdel(f"wf:{{{stage.city}}}:pane:{pane}", name)
    found = prove(stage.options, stage.redis, stage.city).differences
    assert found.keys() == {altered, missing}
    assert found[altered].startswith("is not what the log gives")
    assert found[missing].startswith("is not in Redis")


def test_a_proof_asked_again_reads_only_what_is_new_and_begins_anew_where_redis_has_gone_back(stage):
    proof = WindowProof(stage.options, stage.redis, stage.city)
    with stage.log(13) as log, stage.ingest():
        for _ in range(5):
            log.step()
        stage.until_equal()
        whole = proof.prove()
        for _ in range(5):
            log.step()
        stage.until_equal()
        copy = {key: stage.redis.hgetall(key) for key in stage.redis.keys(f"wf:{{{stage.city}}}:*")}
        for _ in range(5):
            log.step()
        live = stage.until_equal().live
        more = proof.prove()
        assert (whole.differences, more.differences, more.registers) == ({}, {}, len(live))
        assert more.records > 0
        assert whole.records + more.records == prove(stage.options, stage.redis, stage.city).records
        assert proof.prove().records == 0
    # A Redis restored from an old copy covers offsets that the proof has passed.
    stage.redis.delete(*stage.redis.keys(f"wf:{{{stage.city}}}:*"))
    for key, fields in copy.items():
        stage.redis.hset(key, mapping=fields)
    gone_back = proof.prove()
    assert gone_back.differences == {}
    assert gone_back.records == whole.records + more.records
