"""A c10d store whose keys are files of a folder, as the tests' FileStore.cs."""
import os
import time

import torch.distributed as dist


class FileStore(dist.Store):
    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def path(self, key):
        return os.path.join(self.folder, key.encode().hex())

    def set(self, key, value):
        path = self.path(key)
        with open(path + ".partial", "wb") as f:
            f.write(value)
        os.rename(path + ".partial", path)

    def get(self, key):
        self.wait([key])
        with open(self.path(key), "rb") as f:
            return f.read()

    def wait(self, keys, timeout=None):
        end = time.monotonic() + (timeout.total_seconds() if timeout else 20)
        while not all(os.path.exists(self.path(key)) for key in keys):
            if time.monotonic() > end:
                raise TimeoutError(f"no {keys}")
            time.sleep(0.005)
