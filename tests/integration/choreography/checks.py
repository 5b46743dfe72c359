"""What must come of every case, whatever happened to its pods."""

from __future__ import annotations

from tests.integration.choreography.scene import RECORDS, Case, Outcome, Repeats


def assert_accounted(case: Case, outcome: Outcome) -> None:
    """Assert that nothing was lost, nothing dropped or dead-lettered, and nothing repeated but what may be."""
    assert set(outcome.taken) == outcome.all_places
    assert outcome.committed == outcome.log_ends
    assert outcome.taken_by_first < RECORDS, "the first pod did not end under load"
    assert outcome.books, "no sidecar closed its books"
    for books in outcome.books:
        assert (books["dropped"], books["dead_lettered"]) == ({}, 0)
        assert (books["unaccounted"], books["buffered"], books["in_flight"]) == (0, 0, 0)
    allowed = {
        Repeats.NOTHING: range(1),
        Repeats.SOME: range(outcome.bound + 1),
        Repeats.EXACTLY: range(max(outcome.bound, 1), outcome.bound + 1),
    }
    assert outcome.repeats in allowed[case.repeats], (
        f"{outcome.repeats} of {outcome.bound} uncommitted repeat:\n{outcome.journal}"
    )


def assert_choreography(case: Case, outcome: Outcome) -> None:
    """Assert the order of events, the exit statuses, and that no request failed where none may."""
    journal = outcome.journal
    journal.assert_order(case.order)
    statuses = [int(entry.detail) for entry in journal.entries if entry.what == "sidecar exit"]
    assert statuses == list(case.exits), journal
    if case.undisturbed:
        assert not journal.times("sidecar: flush.failed"), journal
