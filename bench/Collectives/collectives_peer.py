"""The peer's side of bench/Collectives: one rank of c10d's Gloo, which sums a tensor again and again.

    collectives_peer.py RANK RANKS MEETING_FOLDER MIB TIMES

Prints one line a sum: wall seconds, CPU seconds.
"""
import sys
import time

import torch
import torch.distributed as dist


def main():
    rank, ranks, meeting, mib, times = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{meeting}/peer", rank=rank, world_size=ranks)
    values = torch.zeros(mib * 2**18)
    for _ in range(times):
        dist.barrier()
        wall, cpu = time.perf_counter(), time.process_time()
        dist.all_reduce(values)
        print(f"{time.perf_counter() - wall:.6f} {time.process_time() - cpu:.6f}")


if __name__ == "__main__":
    main()
