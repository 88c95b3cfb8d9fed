"""The nearest graded vertebrae: exactly those a full comparison finds, never the patient's own, never other models'."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vfscreen import neighbours
from vfscreen.anatomy import Level
from vfscreen.findings import Suggestion
from vfscreen.genant import Grade, ReadGrade
from vfscreen.neighbours import GradedBody, GradedEmbeddings, most_similar, nearest_graded


def unit_rows(count: int, seed: int, size: int = 128) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, size), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def graded(vectors: np.ndarray, patients: list[str], model: str = "grader-1") -> GradedEmbeddings:
    bodies = tuple(
        GradedBody(f"body-{i}", 1, f"series-{patient}", patient, Level.T12, (ReadGrade.NORMAL,))
        for i, patient in enumerate(patients)
    )
    return GradedEmbeddings(model, bodies, vectors)


def suggestion(embedding: np.ndarray, model: str = "grader-1") -> Suggestion:
    return Suggestion(model, (0.9, 0.1, 0.0, 0.0), (Grade.NORMAL,), embedding)


@settings(max_examples=30, deadline=None)
@given(
    rows=st.integers(0, 90),
    count=st.integers(1, 8),
    block=st.sampled_from([1, 7, 64, 1000]),
    seed=st.integers(0, 99),
    equal=st.booleans(),
)
def test_block_by_block_finds_what_comparing_everything_finds(
    rows: int, count: int, block: int, seed: int, equal: bool
) -> None:
    """Among equal ones the earlier goes first, however the blocks fall."""
    vectors = unit_rows(rows, seed)
    if equal:
        vectors = vectors[np.random.default_rng(seed).integers(0, max(rows // 4, 1), rows)]
    wanted = unit_rows(3, seed + 1000)
    allowed = np.random.default_rng(seed).random(rows) < 0.7
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(neighbours, "BLOCK_ROWS", block)
        places, similarities = most_similar(vectors, wanted, count, allowed)
    everything = np.where(allowed, wanted @ vectors.T, -np.inf)
    order = np.argsort(-everything, axis=1, kind="stable")[:, :count]
    np.testing.assert_allclose(similarities, np.take_along_axis(everything, order, 1), atol=1e-6)
    if not equal:
        reached = np.isfinite(similarities)
        assert (places[reached] == order[reached]).all()


def test_what_is_not_finite_never_comes_near() -> None:
    vectors = unit_rows(5, 1)
    vectors[2] = np.nan
    places, similarities = most_similar(vectors, vectors[:1], 5)
    assert places[0, 0] == 0 and places[0, -1] == 2 and similarities[0, -1] == -np.inf
    found = nearest_graded(graded(vectors, list("ABCDE")), suggestion(vectors[0]), body_id="x", pseudonym="X")
    assert [one.body.body_id for one in found].count("body-2") == 0 and len(found) == 4


def test_neither_the_body_itself_nor_its_patients_others_unless_asked() -> None:
    vectors = unit_rows(6, 2)
    vectors[1] = vectors[0]
    everyone = graded(vectors, ["A", "A", "B", "C", "B", "A"])
    asked = {"body_id": "body-0", "pseudonym": "A", "count": 10}
    found = nearest_graded(everyone, suggestion(vectors[0]), **asked)
    assert {one.body.pseudonym for one in found} == {"B", "C"} and len(found) == 3
    found = nearest_graded(everyone, suggestion(vectors[0]), same_patient=True, **asked)
    assert found[0].body.body_id == "body-1" and found[0].similarity == pytest.approx(1.0)
    assert "body-0" not in {one.body.body_id for one in found} and len(found) == 5


def test_most_similar_first_and_none_where_there_is_none() -> None:
    vectors = unit_rows(40, 3)
    found = nearest_graded(
        graded(vectors, [str(i) for i in range(40)]), suggestion(vectors[7]), body_id="new", pseudonym="new"
    )
    similarities = [one.similarity for one in found]
    assert len(found) == 6 and found[0].body.body_id == "body-7"
    assert similarities == sorted(similarities, reverse=True)
    empty = graded(np.zeros((0, 0), np.float32), [])
    assert nearest_graded(empty, suggestion(vectors[0]), body_id="x", pseudonym="X") == ()


def test_embeddings_of_another_model_are_never_compared() -> None:
    vectors = unit_rows(3, 4)
    with pytest.raises(ValueError, match="grader-2 and grader-1"):
        nearest_graded(
            graded(vectors, list("ABC")), suggestion(vectors[0], "grader-2"), body_id="x", pseudonym="X"
        )
    with pytest.raises(ValueError, match="one vector"):
        graded(vectors, list("AB"))


def test_the_search_takes_no_more_memory_than_a_block() -> None:
    vectors = unit_rows(200_000, 5, size=16)
    tracemalloc.start()
    most_similar(vectors, vectors[:1], 6)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 24 * neighbours.BLOCK_ROWS, "a few numbers a row of one block"
