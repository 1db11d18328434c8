"""However many workers there are, the pixels they hold together stay within the budget."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.budget import PixelBudget


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=30), st.integers(1, 6))
def test_what_is_held_fits_or_is_one_large_picture_alone(sizes: list[int], workers: int) -> None:
    budget, lock = PixelBudget(10), threading.Lock()
    held: list[int] = []

    def work(size: int) -> bool:
        with budget.holding(size):
            with lock:
                held.append(size)
                fits = sum(held) <= 10 or held == [size]
            with lock:
                held.remove(size)
        return fits

    with ThreadPoolExecutor(workers) as pool:
        assert all(pool.map(work, sizes))


def test_small_pictures_do_not_pass_a_large_one_for_ever() -> None:
    budget = PixelBudget(10)
    order: list[str] = []

    def take(name: str, size: int) -> None:
        with budget.holding(size):
            order.append(name)

    with budget.holding(5):
        large = threading.Thread(target=take, args=("large", 10))
        large.start()
        while not budget._next.locked():
            pass
        small = threading.Thread(target=take, args=("small", 1))
        small.start()
        small.join(0.05)
        assert order == []
    large.join(10)
    small.join(10)
    assert order == ["large", "small"]


def test_an_error_gives_the_pixels_back() -> None:
    budget = PixelBudget(10)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), budget.holding(10):
            _ = 1 / 0
    with budget.holding(10):
        pass
