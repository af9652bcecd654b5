"""Per-operator overhead of PyTorch from Python. For each line NAME COUNT read, runs it and writes the processor time a call in nanoseconds."""
import sys
import time

import torch

torch.set_num_threads(1)
a = torch.ones(1)
b = torch.ones(1)
g = torch.ones(1, requires_grad=True)
out = torch.ones(1)
m = torch.ones(2, 3)


def add(n):
    with torch.no_grad():
        for _ in range(n):
            a.add(b)


def add_recorded(n):
    for _ in range(n):
        g.add(b)


def add_in_place(n):
    with torch.no_grad():
        for _ in range(n):
            out.add_(b)


def reshape(n):
    with torch.no_grad():
        for _ in range(n):
            m.reshape(3, 2)


def forward_backward(n):
    for _ in range(n):
        g.mul(b).add(b).backward()


for line in sys.stdin:
    name, count = line.split()
    start = time.process_time_ns()
    globals()[name](int(count))
    print((time.process_time_ns() - start) / int(count), flush=True)
