"""The class vectors' optimizer against PyTorch's own."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from training.sgd import SGD

HOW = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}


def pair(rows: int) -> tuple[nn.Parameter, nn.Parameter]:
    torch.manual_seed(0)
    weight = torch.randn(rows, 4)
    return nn.Parameter(weight.clone()), nn.Parameter(weight.clone())


def sparse(rows: list[int], values: Tensor, height: int) -> Tensor:
    indices = torch.tensor([rows])
    return torch.sparse_coo_tensor(indices, values, (height, 4), check_invariants=True)


@pytest.mark.parametrize("rows", [3, 5000])
def test_a_dense_step_is_torchs(rows: int) -> None:
    mine, theirs = pair(rows)
    optimizers = SGD([mine], **HOW), torch.optim.SGD([theirs], **HOW)
    for _ in range(4):
        mine.grad = torch.randn(rows, 4)
        theirs.grad = mine.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    torch.testing.assert_close(mine, theirs)
    torch.testing.assert_close(
        optimizers[0].state[mine]["momentum_buffer"], optimizers[1].state[theirs]["momentum_buffer"]
    )


def test_a_sparse_step_moves_the_named_rows_as_a_dense_one_and_no_other() -> None:
    mine, theirs = pair(6)
    optimizer, dense = SGD([mine], **HOW), torch.optim.SGD([theirs], **HOW)
    first = torch.randn(6, 4)
    mine.grad, theirs.grad = first.clone(), first.clone()
    optimizer.step()
    dense.step()
    before = mine.detach().clone()
    velocity = optimizer.state[mine]["momentum_buffer"].clone()

    values = torch.randn(2, 4)
    mine.grad = sparse([4, 1], values, 6)
    theirs.grad = mine.grad.to_dense()
    optimizer.step()
    dense.step()
    named, others = [1, 4], [0, 2, 3, 5]
    torch.testing.assert_close(mine[named], theirs[named])
    after = optimizer.state[mine]["momentum_buffer"]
    torch.testing.assert_close(after[named], dense.state[theirs]["momentum_buffer"][named])
    assert torch.equal(mine[others], before[others])
    assert torch.equal(after[others], velocity[others])
    assert not torch.equal(theirs[others], before[others])  # what the dense one would have done


def test_gradients_of_two_batches_that_share_a_row_add_up() -> None:
    mine, theirs = pair(6)
    parts = sparse([4, 1], torch.randn(2, 4), 6), sparse([2, 4], torch.randn(2, 4), 6)
    mine.grad = parts[0] + parts[1]
    theirs.grad = mine.grad.to_dense()
    SGD([mine], **HOW).step()
    torch.optim.SGD([theirs], **HOW).step()
    torch.testing.assert_close(mine[[1, 2, 4]], theirs[[1, 2, 4]])


def test_its_state_survives_a_checkpoint() -> None:
    mine, theirs = pair(6)
    optimizer = SGD([mine], **HOW)
    mine.grad = torch.randn(6, 4)
    optimizer.step()
    resumed = SGD([theirs], lr=1.0)
    resumed.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    theirs.data.copy_(mine.data)
    mine.grad = torch.randn(6, 4)
    theirs.grad = mine.grad.clone()
    optimizer.step()
    resumed.step()
    assert torch.equal(mine, theirs)
