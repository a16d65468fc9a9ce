"""Ports are chosen once, kept, and chosen again only when they were lost."""

from __future__ import annotations

import json
import os
import socket

import pytest

from local import ports


def test_a_port_that_listens_is_not_free_and_answers():
    with socket.socket() as server:
        server.bind((ports.LOOPBACK, 0))
        server.listen(1)
        port = server.getsockname()[1]
        assert not ports.is_free(port)
        assert ports.answers(port)
    assert ports.is_free(port)
    assert not ports.answers(port)


def test_chosen_ports_are_kept(tmp_path):
    file = tmp_path / "run" / "ports.json"
    first = ports.choose(["a", "b"], file)
    assert len(set(first.values())) == 2
    assert ports.choose(["a", "b", "c"], file) | first == ports.choose((), file)


def test_asking_for_what_was_chosen_writes_nothing(tmp_path):
    file = tmp_path / "ports.json"
    first = ports.choose(["a", "b"], file)
    os.utime(file, (1, 1))
    assert ports.choose((), file) == ports.choose(["a", "b"], file) == first
    assert file.stat().st_mtime == 1


def test_a_port_that_somebody_took_is_chosen_anew_and_the_others_stay(tmp_path):
    file = tmp_path / "ports.json"
    first = ports.choose(["a", "b"], file)
    with socket.socket() as squatter:
        squatter.bind((ports.LOOPBACK, first["a"]))
        squatter.listen(1)
        second = ports.choose(["a", "b"], file)
        assert second["a"] != first["a"]
        assert second["b"] == first["b"]


def test_a_port_that_our_own_process_holds_stays_its(tmp_path):
    file = tmp_path / "ports.json"
    first = ports.choose(["a"], file)
    with socket.socket() as own:
        own.bind((ports.LOOPBACK, first["a"]))
        own.listen(1)
        assert ports.choose(["a"], file, in_use_by_us=lambda name: name == "a") == first


def test_ports_lie_outside_the_range_of_outgoing_connections(tmp_path):
    chosen = ports.choose([f"n{i}" for i in range(50)], tmp_path / "ports.json")
    assert min(chosen.values()) >= ports.LOWEST
    assert max(chosen.values()) <= ports.highest_port()


def test_two_names_never_share_a_port_even_when_the_draw_repeats(tmp_path):
    free = ports.choose(["one", "other"], tmp_path / "free.json")
    one, other = free["one"], free["other"]
    draws = iter([one, one, one, other])
    chosen = ports.choose(["a", "b"], tmp_path / "ports.json", draw=lambda low, high: next(draws))
    assert chosen == {"a": one, "b": other}


def test_running_out_of_ports_is_said(tmp_path):
    file = tmp_path / "ports.json"
    file.write_text(json.dumps({"a": 20_001}))
    with pytest.raises(OSError, match="no free port"):
        ports.choose(["b"], file, draw=lambda low, high: 20_001)
