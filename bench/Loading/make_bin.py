"""Saves a safetensors file of fp32 as torch.save does: make_bin.py FROM TO."""
import json
import sys

import torch

source, target = sys.argv[1:]
with open(source, "rb") as file:
    data = bytearray(file.read())
length = int.from_bytes(data[:8], "little")
header = json.loads(data[8:8 + length])
header.pop("__metadata__", None)
state = {
    name: torch.frombuffer(data, dtype=torch.float32, count=(entry["data_offsets"][1] - entry["data_offsets"][0]) // 4, offset=8 + length + entry["data_offsets"][0]).reshape(entry["shape"]).clone()
    for name, entry in header.items()
}
torch.save(state, target)
