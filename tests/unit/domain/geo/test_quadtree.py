import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from wayfare.domain.errors import ArtifactRefused
from wayfare.domain.geo import quadtree
from wayfare.domain.geo.cells import cell_of_point, cells_of
from wayfare.domain.geo.quadtree import FINEST_LEVEL, build, from_npz

LAT, LON = st.floats(37.70, 37.83), st.floats(-122.52, -122.36)
POINTS = st.lists(st.tuples(LAT, LON), min_size=1, max_size=200)


def clustered(n: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    spread = np.where(rng.random(n) < 0.7, 0.004, 0.04)
    return 37.77 + rng.normal(size=n) * spread, -122.42 + rng.normal(size=n) * spread


@given(points=POINTS, split=st.integers(1, 20))
@settings(max_examples=60, deadline=None)
def test_leaves_partition_the_root_and_hold_at_most_k_points(points: list[tuple[float, float]], split: int) -> None:
    lat, lon = np.array(points).T
    tree = build(lat, lon, split_above=split, min_rows=1)
    codes = cells_of(lat, lon, FINEST_LEVEL)
    shift = 2 * (FINEST_LEVEL - int(tree.level[0]))
    assert tree.starts[0] == int(tree.cell[0]) << shift
    ends = np.append(tree.starts[1:], (int(tree.cell[0]) + 1) << shift)
    assert (ends > tree.starts).all()
    held = np.bincount(np.searchsorted(tree.starts, codes, "right") - 1, minlength=len(tree.starts))
    assert held.sum() == len(points)
    assert ((held <= split) | (ends - tree.starts == 1)).all()


@given(points=POINTS, split=st.integers(1, 20), min_rows=st.integers(1, 30), at=st.tuples(LAT, LON))
@settings(max_examples=100, deadline=None)
def test_a_point_is_answered_by_the_deepest_node_with_enough_rows_that_holds_it(
    points: list[tuple[float, float]], split: int, min_rows: int, at: tuple[float, float]
) -> None:
    lat, lon = np.array(points).T
    tree = build(lat, lon, split_above=split, min_rows=min_rows)
    code = cell_of_point(*at, FINEST_LEVEL)
    holding = [
        node for node in range(tree.nodes) if code >> (2 * (FINEST_LEVEL - int(tree.level[node]))) == tree.cell[node]
    ]
    enough = [node for node in holding if tree.rows[node] >= min_rows or node == 0]
    assert tree.leaf(*at) == max(enough, key=lambda node: tree.level[node], default=0)


def test_rows_of_a_node_are_the_points_in_its_cell_and_children_add_up_to_their_parent() -> None:
    lat, lon = clustered(5000)
    tree = build(lat, lon, split_above=100, min_rows=10)
    for node in range(0, tree.nodes, 7):
        assert tree.rows[node] == (cells_of(lat, lon, int(tree.level[node])) == tree.cell[node]).sum()
    children = np.bincount(tree.parent[1:], tree.rows[1:], tree.nodes)
    split = np.bincount(tree.parent[1:], minlength=tree.nodes) > 0
    assert (children[split] == tree.rows[split]).all()


def test_a_dense_quarter_gets_smaller_leaves_than_an_empty_one() -> None:
    tree = build(*clustered(20_000), split_above=200, min_rows=1)
    assert tree.level[tree.leaf(37.77, -122.42)] >= tree.level[tree.leaf(37.70, -122.50)] + 2


def test_a_point_far_outside_answers_as_the_root() -> None:
    assert build(*clustered(2000)).leaf(40.7, -74.0) == 0


@pytest.mark.parametrize(("points", "split"), [(3_000, 20), (120_000, 1)], ids=["small numbers", "numbers over 65,535"])
def test_many_points_are_answered_as_each_alone_also_those_outside(points: int, split: int) -> None:
    tree = build(*clustered(points), split_above=split, min_rows=1)
    assert (tree.nodes > 1 << 16) == (split == 1)
    lat, lon = clustered(20_000, seed=4)
    lat[:50], lon[7_000:7_050] = lat[:50] + 9, lon[7_000:7_050] - 30
    some = [*range(100), *range(6_990, 7_060), *range(19_900, 20_000)]
    found = tree.leaves(cells_of(lat, lon, FINEST_LEVEL))
    assert found[some].tolist() == [tree.leaf(lat[i], lon[i]) for i in some]


@given(
    middle=st.tuples(st.sampled_from([0.0, 37.77, -33.9, 40.7]), st.sampled_from([0.0, -122.42, 90.0, 151.2])),
    wide=st.sampled_from([0.0005, 0.02, 3.0]),
    depth=st.integers(0, 6),
    split=st.integers(1, 40),
    seed=st.integers(0, 1 << 16),
)
@settings(max_examples=100, deadline=None)
def test_many_points_are_answered_as_each_alone_wherever_the_table_lies(
    middle: tuple[float, float], wide: float, depth: int, split: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    lat, lon = np.array(middle)[:, None] + rng.normal(size=(2, 200)) * wide
    tree = build(lat[:100], lon[:100], split_above=split, min_rows=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quadtree, "_TABLE_DEPTH", depth)
        found = tree.leaves(cells_of(lat, lon, FINEST_LEVEL))
    assert found.tolist() == [tree.leaf(*at) for at in zip(lat, lon, strict=True)]


@pytest.mark.parametrize("beyond", [1 << 62, -(1 << 63)])
def test_a_number_that_is_no_cell_answers_as_the_root(beyond: int) -> None:
    tree = build(*clustered(2000), split_above=100)
    inside = cells_of([37.77], [-122.42], FINEST_LEVEL)
    assert tree.leaves(inside).tolist() == [tree.leaf(37.77, -122.42)] != [0]
    assert tree.leaves(inside + beyond).tolist() == [0]


def test_without_points_the_tree_is_one_root() -> None:
    tree = build([], [])
    assert (tree.nodes, tree.leaf(37.77, -122.42)) == (1, 0)


def test_a_path_leads_from_a_node_to_the_root() -> None:
    tree = build(*clustered(3000), split_above=100)
    paths = tree.paths()
    for node in (0, 1, tree.nodes - 1):
        walked = [node]
        while tree.parent[walked[-1]] >= 0:
            walked.append(int(tree.parent[walked[-1]]))
        assert [step for step in paths[node] if step >= 0] == walked


def test_a_tree_survives_its_file_and_its_version_names_its_content() -> None:
    tree, other = build(*clustered(3000)), build(*clustered(3000, seed=4))
    again = from_npz(tree.to_npz())
    assert again.version() == tree.version() != other.version()
    places = np.array(clustered(200, seed=9)).T
    assert [again.leaf(*place) for place in places] == [tree.leaf(*place) for place in places]


@pytest.mark.parametrize("damage", ["cut", "empty", "schema", "answers"])
def test_a_damaged_file_is_refused(damage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = build(*clustered(1000))
    if damage == "schema":
        monkeypatch.setattr(quadtree, "SCHEMA", 99)
    if damage == "answers":
        tree.answers[0] = 10_000
    data = tree.to_npz()
    monkeypatch.undo()
    with pytest.raises(ArtifactRefused):
        from_npz({"cut": data[:50], "empty": b""}.get(damage, data))
