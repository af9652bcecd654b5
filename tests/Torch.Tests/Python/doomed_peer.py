"""Rank 1 of 2: joins a Gloo group through the store in FOLDER, does one all-reduce, then kills itself."""
import datetime
import os
import signal
import sys

import torch
import torch.distributed as dist

from file_store import FileStore

folder, prefix = sys.argv[1:]
store = FileStore(folder)
options = dist.ProcessGroupGloo._Options()
options._devices = [dist.ProcessGroupGloo.create_device(hostname="127.0.0.1")]
options._timeout = datetime.timedelta(seconds=20)
group = dist.ProcessGroupGloo(dist.PrefixStore(prefix, store), 1, 2, options)
x = torch.full((3,), 2.0)
group.allreduce([x]).wait()
assert x.tolist() == [3.0, 3.0, 3.0], x
os.kill(os.getpid(), signal.SIGKILL)
