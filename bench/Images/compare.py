#!/usr/bin/python3
"""JPEG to tensor, 224 px, random resized crop of 0.9 to 1.0 of the area: ClipTrain beside Pillow + torchvision.

Both sides take turns on one thread, on the same files; medians of the passes, in images per CPU second. Where ClipTrain
gives bytes, to be normalised on the device, so does the peer (PILToTensor).

    dotnet build -c Release bench/Images && bench/Images/compare.py [PASSES]
"""
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy
import torch
from PIL import Image
from torchvision import transforms

PASSES = int(sys.argv[1]) if len(sys.argv) > 1 else 9
HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, "bin", "Release", "net10.0", "bench-images.dll")
torch.set_num_threads(1)
torch.set_grad_enabled(False)

CROP = transforms.RandomResizedCrop(224, scale=(0.9, 1.0), interpolation=transforms.InterpolationMode.BICUBIC)
NORMALIZE = transforms.Normalize((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
PEERS = {
    "Fp32": transforms.Compose([CROP, transforms.ToTensor(), NORMALIZE]),
    "UInt8": transforms.Compose([CROP, transforms.PILToTensor()]),
}


def photo(random, width, height):
    """As hard to decode as a photograph: gradients with noise at several sizes, about 2 bits a pixel at quality 87."""
    y, x = numpy.mgrid[0:height, 0:width] / max(width, height)
    pixels = numpy.stack([x * 200, y * 200, (1 - x) * 180], -1)
    for cell, strength in ((64, 60), (16, 30), (4, 10), (1, 5)):
        noise = random.normal(0, strength, (height // cell + 2, width // cell + 2, 3))
        smooth = [numpy.asarray(Image.fromarray(noise[..., c].astype(numpy.float32)).resize((width, height), Image.Resampling.BICUBIC)) for c in range(3)]
        pixels = pixels + numpy.stack(smooth, -1)
    return Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8))


def write_images(folder, side, count):
    random = numpy.random.default_rng(side)
    total = 0
    for i in range(count):
        long, short = side, int(side * random.uniform(0.66, 1))
        size = (long, short) if i % 2 else (short, long)
        path = os.path.join(folder, "%03d.jpg" % i)
        photo(random, *size).save(path, quality=87)
        total += os.path.getsize(path) * 8 / (size[0] * size[1])
    return total / count


def peer_pass(files, peer):
    before = time.process_time()
    for data in files:
        peer(Image.open(io.BytesIO(data)).convert("RGB"))
    return time.process_time() - before


def ask(process, what):
    process.stdin.write(what + "\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def our_pass(process, what):
    return float(ask(process, what))


def compare(side, count, kinds):
    with tempfile.TemporaryDirectory() as folder:
        bits = write_images(folder, side, count)
        files = [open(os.path.join(folder, name), "rb").read() for name in sorted(os.listdir(folder))]
        with subprocess.Popen(["dotnet", PROGRAM, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            for kind in kinds:
                peer = PEERS[kind.split()[0]]
                for _ in range(6):
                    our_pass(process, kind)
                peer_pass(files, peer)
                pairs = [(our_pass(process, kind), peer_pass(files, peer)) for _ in range(PASSES)]
                report(side, bits, kind, count, pairs)
            for decode in sorted({kind.split()[1] for kind in kinds} - {"Exact"}):
                print("%4d px, %s: mean, 99th percentile and largest difference from exact, of 255: %s" % (side, decode, ask(process, "Error " + decode)))
            process.stdin.close()


def report(side, bits, kind, count, pairs):
    ours, peer = (statistics.median(count / p[i] for p in pairs) for i in (0, 1))
    ratio = statistics.median(p[1] / p[0] for p in pairs)
    print("%4d px, %.1f bits a pixel, %-11s: ClipTrain %5.0f, Pillow + torchvision %5.0f images per CPU second, ratio %.2f" % (side, bits, kind, ours, peer, ratio), flush=True)


compare(400, 200, ["Fp32 Fast", "UInt8 Fast", "Fp32 Exact"])
compare(1000, 40, ["Fp32 Fast", "Fp32 Scaled", "UInt8 Scaled", "Fp32 Exact"])
