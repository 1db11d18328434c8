"""One thread for PyTorch: these networks are too small to gain from more, and a loaded machine loses by them."""

from __future__ import annotations

import importlib.util

if importlib.util.find_spec("torch"):
    import torch

    torch.set_num_threads(1)
