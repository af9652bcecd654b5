#!/usr/bin/python3
"""Throughput of N workers over that of one, all of one thread, with the same global batch.

Runs take turns; of each run the median of the steps after the second, of each number of workers the median of its runs.

    ./cliptrain data demo && bench/Scaling/compare.py [ROUNDS [WORKERS]]
"""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 3
WORKERS = int(sys.argv[2]) if len(sys.argv) > 2 else 2
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def images_per_second(workers, name, folder):
    subprocess.run(
        [os.path.join(ROOT, "cliptrain"), "train", os.path.join(HERE, "scaling.yaml"), "--set", f"name={name}",
         "--set", f"output.directory={folder}", "--set", f"cluster.workers={workers}"],
        cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    with open(os.path.join(folder, name, "metrics.jsonl")) as lines:
        return statistics.median(json.loads(line)["images_per_second"] for line in list(lines)[2:])


folder = tempfile.mkdtemp(prefix="cliptrain-scaling-")
try:
    rates = {1: [], WORKERS: []}
    for turn in range(ROUNDS):
        for workers in rates:
            rates[workers].append(images_per_second(workers, f"{workers}-{turn}", folder))
            print(f"{workers} worker(s): {rates[workers][-1]:.1f} images/s", flush=True)
    one, many = (statistics.median(rates[workers]) for workers in (1, WORKERS))
    print(f"{WORKERS} workers over 1: {many / one:.2f} times ({many:.1f} against {one:.1f} images/s)")
finally:
    shutil.rmtree(folder)
