"""Who is held out of training stays held out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from training.data.hold_out import is_held_out, kept

PEOPLE = [f"person-{n}" for n in range(4000)]


def test_about_the_share_asked_for_is_held_out() -> None:
    assert 0.17 < sum(is_held_out(each, 0.2) for each in PEOPLE) / len(PEOPLE) < 0.23
    assert not any(is_held_out(each, 0.0) for each in PEOPLE)
    assert all(is_held_out(each, 1.0) for each in PEOPLE)


@given(st.text(), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_holds_out_the_same_people_and_more(name: str, a: float, b: float) -> None:
    assert is_held_out(name, min(a, b)) <= is_held_out(name, max(a, b))


@given(st.lists(st.text()), st.floats(0, 1))
def test_nobody_is_on_both_sides_and_nobody_is_lost(names: list[str], share: float) -> None:
    labelled = list(enumerate(names))
    trained = list(kept(labelled, share, held_out=False))
    apart = list(kept(labelled, share, held_out=True))
    assert sorted(trained + apart) == labelled
    assert not {name for _, name in trained} & {name for _, name in apart}
