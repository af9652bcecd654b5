"""The peer's side of bench/Step: a training step of a straightforward CLIP in PyTorch eager, timed.

    step_peer.py MODEL.json BATCH THREADS fp32|bf16 STEPS [DEVICE [eager|compiled]]

Prints one line a step: wall seconds, CPU seconds.
"""
import json
import os
import sys
import time

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests/Peers")]
import torch  # noqa: E402
from clip_reference import Clip  # noqa: E402


def main():
    options_path, batch, threads, precision, steps = sys.argv[1:6]
    device, kind = (sys.argv[6:] + ["cpu", "eager"][len(sys.argv[6:]):])[:2]
    with open(options_path) as file:
        options = json.load(file)
    batch = int(batch)
    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    model = Clip(options)
    for parameter in model.parameters():
        if parameter.ndim >= 2:
            torch.nn.init.normal_(parameter, std=0.02)
    model.to(device)
    forward = torch.compile(model) if kind == "compiled" else model
    decays = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": decays, "weight_decay": 0.2}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=5e-4, betas=(0.9, 0.98), eps=1e-6)
    size, context = options["image"]["size"], options["text"].get("context", 77)
    images = torch.randn(batch, 3, size, size, device=device)
    tokens = torch.randint(1, options["text"].get("vocabulary", 49408), (batch, context), device=device)
    ends = torch.full((batch,), context - 1, device=device)
    for _ in range(int(steps)):
        wall, cpu = time.perf_counter(), time.process_time()
        optimizer.zero_grad()
        with torch.autocast(device.split(":")[0], enabled=precision == "bf16", dtype=torch.bfloat16):
            loss = forward(images, tokens, ends)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, 4.6052)
        if device != "cpu":
            torch.cuda.synchronize()
        print(f"{time.perf_counter() - wall:.6f} {time.process_time() - cpu:.6f}", flush=True)


if __name__ == "__main__":
    main()
