"""Writes files as PyTorch does, for the tests of ClipTrain's reader; with Debian's python3-torch: torch_files.py FOLDER."""
import argparse
import os
import pathlib
import sys
from collections import OrderedDict

import torch


def numbers(*shape, dtype=torch.float32):
    """Value i is ((37 i) mod 101 - 50) / 8, exact in every type."""
    count = 1
    for size in shape:
        count *= size
    values = (torch.arange(count, dtype=torch.int64) * 37 % 101 - 50).to(torch.float64) / 8
    return values.reshape(shape).to(dtype)


class Inner(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(numbers(3, 4))
        self.register_buffer("mean", numbers(3))

    def forward(self, x):
        return torch.nn.functional.linear(x, self.weight) + self.mean


class Outer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Inner()
        self.logit_scale = torch.nn.Parameter(torch.tensor(2.5))
        self.register_buffer("input_resolution", torch.tensor(224))

    def forward(self, x):
        return self.inner(x) * self.logit_scale


class Code:
    def __reduce__(self):
        return os.system, ("touch code-has-run",)


def main(folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    base = numbers(20)
    state = OrderedDict(
        single=numbers(3, 4),
        half=numbers(5, dtype=torch.float16),
        brain=numbers(5, dtype=torch.bfloat16),
        double=numbers(5, dtype=torch.float64),
        transposed=numbers(4, 3).t(),
        view=base[2:8].view(2, 3),
        strided=base[::3],
        parameter=torch.nn.Parameter(numbers(2, 2)),
        scalar=torch.tensor(2.5),
        empty=torch.zeros(0, 3),
        steps=torch.tensor(7),
    )
    torch.save(state, folder / "state.pt")

    linear = torch.nn.Linear(3, 2)
    linear.load_state_dict({"weight": numbers(2, 3), "bias": numbers(2)})
    adam = torch.optim.AdamW(linear.parameters())
    linear(numbers(4, 3)).sum().backward()
    adam.step()
    linear.load_state_dict({"weight": numbers(2, 3), "bias": numbers(2)})
    torch.save({
        "epoch": 3, "name": "run", "best": None, "args": argparse.Namespace(lr=1e-3, name="run"),
        "state_dict": OrderedDict(("module." + key, value) for key, value in linear.state_dict().items()),
        "optimizer": adam.state_dict(),
    }, folder / "checkpoint.pt")

    torch.jit.script(Outer()).save(str(folder / "script.pt"))
    torch.save(state, folder / "legacy.pt", _use_new_zipfile_serialization=False)
    torch.save({"weight": numbers(2), "more": Code()}, folder / "code.pt")
    torch.save(linear, folder / "module.pt")


if __name__ == "__main__":
    main(sys.argv[1])
