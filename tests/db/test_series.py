"""Taking series in."""

from dataclasses import replace
from pathlib import Path

from db.store import Store, open_store
from tests.db.made_cases import Ticking, facts, new_series, say, screened_case, screening, spine
from vfscreen.anatomy import Level
from vfscreen.cases import GeometrySource, NewSeries, Split
from vfscreen.findings import Mode, SeriesFacts
from vfscreen.genant import ReadGrade
from vfscreen.split import Shares


def test_a_series_is_taken_in_once(store: Store) -> None:
    first, new = store.add_series(new_series("one"))
    again, new_again = store.add_series(new_series("one"))
    assert (new, new_again) == (True, False)
    assert first == again


def test_the_same_uid_or_the_same_sha256_is_the_same_series(store: Store) -> None:
    first, _ = store.add_series(new_series("one"))
    same_uid = replace(facts("two"), uid=facts("one").uid)
    same_bytes = replace(facts("three"), sha256=facts("one").sha256)
    assert store.add_series(new_series("two", same_uid)) == (first, False)
    assert store.add_series(new_series("three", same_bytes)) == (first, False)


def test_series_without_uid_and_sha256_are_never_the_same(store: Store) -> None:
    bare = SeriesFacts("nifti", pseudonym="P")
    assert store.add_series(new_series("one", bare)) != store.add_series(new_series("two", bare))


def in_folder(folder: Path, files: int = 2) -> NewSeries:
    """The same series in a folder on disk."""
    folder.mkdir()
    paths = tuple(folder / f"{number}.dcm" for number in range(files))
    for path in paths:
        path.touch()
    return NewSeries(folder, paths, facts("one"))


def test_a_series_that_was_moved_is_found_in_its_new_place(store: Store, tmp_path: Path) -> None:
    series_id, _ = store.add_series(new_series("one"))
    moved = in_folder(tmp_path / "moved")
    assert store.add_series(moved) == (series_id, False)
    assert store.case(series_id, "K").files == moved.files


def test_a_second_copy_of_a_series_is_not_its_place(store: Store, tmp_path: Path) -> None:
    first = in_folder(tmp_path / "first")
    series_id, _ = store.add_series(first)
    store.add_series(in_folder(tmp_path / "copy"))
    assert store.case(series_id, "K").files == first.files


def test_a_part_of_a_series_is_not_its_place(store: Store, tmp_path: Path) -> None:
    series_id, _ = store.add_series(new_series("one"))
    store.add_series(in_folder(tmp_path / "part", files=1))
    assert store.case(series_id, "K").files == new_series("one").files


def test_the_facts_come_back_as_they_were(store: Store) -> None:
    series_id, _ = store.add_series(new_series("one"))
    case = store.case(series_id, "K")
    assert case.facts == facts("one")
    assert case.warnings == ("thick slices",)
    assert case.source == Path("/cases/one")


def test_the_queue_is_what_the_two_models_have_not_seen_together_oldest_first(store: Store) -> None:
    seen = screened_case(store, "seen")
    waiting = [store.add_series(new_series(name))[0] for name in ("a", "b", "c")]
    assert store.queue("localiser-1", "grader-1") == waiting
    assert store.queue("localiser-1", "grader-2") == [seen, *waiting]
    assert store.queue("localiser-2", "grader-1") == [seen, *waiting]


def test_a_case_with_a_mask_waits_for_no_localiser(store: Store) -> None:
    series_id, _ = store.add_series(new_series("masked"))
    store.record_screening(series_id, screening(spine(Level.T11, 3)), GeometrySource.MASK)
    assert store.queue("another localiser", "grader-1") == []
    assert store.queue("another localiser", "grader-2") == [series_id]


def split_of(store: Store, series_id: str) -> Split:
    """Grades one body and looks up where its patient's labels go."""
    store.record_screening(series_id, screening(spine(Level.T12, 1)))
    say(store, store.case(series_id, "K"), 0, ReadGrade.NORMAL)
    (found,) = [body.split for body in store.labelled_bodies() if body.series_id == series_id]
    return found


def test_a_patients_split_is_drawn_once_and_stays_when_the_shares_change(
    folder: Path, clock: Ticking
) -> None:
    with open_store(folder, shares=Shares(0, 99), clock=clock) as all_test:
        tested = next(
            name
            for name in "abcdefgh"
            if split_of(all_test, all_test.add_series(new_series(name))[0]) is Split.TEST
        )
    with open_store(folder, shares=Shares(0, 0), clock=clock) as none_test:
        second_scan = replace(facts("later"), pseudonym=facts(tested).pseudonym)
        series_id, _ = none_test.add_series(new_series("later", second_scan))
        assert split_of(none_test, series_id) is Split.TEST


def test_a_patient_whom_a_bundled_model_was_trained_on_always_trains(folder: Path, clock: Ticking) -> None:
    seen = frozenset({"P-by-pseudonym", "1.2.by-uid", "sha-by-sha"})
    with open_store(folder, shares=Shares(0, 99), always_train=seen, clock=clock) as store:
        for name in ("by-pseudonym", "by-uid", "by-sha"):
            assert split_of(store, store.add_series(new_series(name))[0]) is Split.TRAIN


def test_a_patient_found_to_be_trained_on_leaves_the_test_set_and_the_audit_says_so(
    folder: Path, clock: Ticking
) -> None:
    patient = next(name for name in "abcdefgh" if name)
    with open_store(
        folder, shares=Shares(0, 99), always_train=frozenset({"1.2.second"}), clock=clock
    ) as store:
        first, _ = store.add_series(new_series(patient))
        store.add_series(new_series("second", replace(facts("second"), pseudonym=facts(patient).pseudonym)))
        assert split_of(store, first) is Split.TRAIN
        changed = [event.details for event in store.events() if event.what == "split changed"]
    assert [(details["from"], details["to"]) for details in changed] == [("test", "train")]


def test_a_patient_without_a_pseudonym_goes_by_the_files_sha256(store: Store) -> None:
    series_id, _ = store.add_series(new_series("one", replace(facts("one"), pseudonym="")))
    (row,) = store.worklist("K", Mode.READ)
    assert (row.series_id, row.pseudonym) == (series_id, "sha-one")
