"""A straightforward CLIP in PyTorch, written as its users write it: convolution for the patches, nn.MultiheadAttention,
one parameter a tensor, the whole logit matrix. Tests compare gradients with it, benchmarks compare time.

    clip_reference.py gradients MODEL.json WEIGHTS.safetensors BATCH_DIR OUT.safetensors [--bf16]

BATCH_DIR holds images.f32 (b,3,S,S), tokens.i64 (b,L) and ends.i64 (b). OUT holds the gradient of every parameter and
`loss`.
"""
import json
import struct
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class Fp32LayerNorm(nn.LayerNorm):
    def forward(self, x):
        with torch.cpu.amp.autocast(enabled=False):
            return super().forward(x.float()).to(x.dtype)


class QuickGelu(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    def __init__(self, width, heads, mlp_ratio, activation):
        super().__init__()
        self.ln_1 = Fp32LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.ln_2 = Fp32LayerNorm(width)
        self.mlp = nn.Sequential()
        hidden = int(width * mlp_ratio)
        self.mlp.add_module("c_fc", nn.Linear(width, hidden))
        self.mlp.add_module("gelu", QuickGelu() if activation == "quick_gelu" else nn.GELU())
        self.mlp.add_module("c_proj", nn.Linear(hidden, width))

    def forward(self, x, mask=None):
        h = self.ln_1(x)
        x = x + self.attn(h, h, h, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, tower, activation):
        super().__init__()
        ratio = tower.get("mlp_ratio", 4)
        self.resblocks = nn.ModuleList(Block(tower["width"], tower["heads"], ratio, activation) for _ in range(tower["layers"]))

    def forward(self, x, mask=None):
        for block in self.resblocks:
            x = block(x, mask)
        return x


class Visual(nn.Module):
    def __init__(self, tower, embed_dim, activation):
        super().__init__()
        width, patch = tower["width"], tower["patch"]
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.positional_embedding = nn.Parameter(torch.zeros((tower["size"] // patch) ** 2 + 1, width))
        self.ln_pre = Fp32LayerNorm(width)
        self.transformer = Transformer(tower, activation)
        self.ln_post = Fp32LayerNorm(width)
        self.proj = nn.Parameter(torch.zeros(width, embed_dim))

    def forward(self, images):
        x = self.conv1(images).flatten(2).transpose(1, 2)
        cls = self.class_embedding.to(x.dtype).expand(x.shape[0], 1, -1)
        x = torch.cat([cls, x], 1) + self.positional_embedding.to(x.dtype)
        x = self.transformer(self.ln_pre(x))
        return self.ln_post(x[:, 0]) @ self.proj


class Clip(nn.Module):
    def __init__(self, options):
        super().__init__()
        text, activation = options["text"], options.get("activation", "gelu")
        self.visual = Visual(options["image"], options["embed_dim"], activation)
        self.transformer = Transformer(text, activation)
        self.token_embedding = nn.Embedding(text.get("vocabulary", 49408), text["width"])
        self.positional_embedding = nn.Parameter(torch.zeros(text.get("context", 77), text["width"]))
        self.ln_final = Fp32LayerNorm(text["width"])
        self.text_projection = nn.Parameter(torch.zeros(text["width"], options["embed_dim"]))
        self.logit_scale = nn.Parameter(torch.tensor(0.0))
        context = text.get("context", 77)
        self.register_buffer("mask", torch.full((context, context), float("-inf")).triu(1), persistent=False)

    def encode_text(self, tokens, ends):
        x = self.token_embedding(tokens) + self.positional_embedding
        if torch.is_autocast_cpu_enabled():
            x = x.to(torch.bfloat16)
        x = self.transformer(x, self.mask.to(x.dtype))
        x = self.ln_final(x)
        return x[torch.arange(x.shape[0]), ends] @ self.text_projection

    def forward(self, images, tokens, ends):
        image = F.normalize(self.visual(images).float(), dim=-1)
        text = F.normalize(self.encode_text(tokens, ends).float(), dim=-1)
        with torch.cpu.amp.autocast(enabled=False):
            logits = self.logit_scale.exp() * image @ text.t()
            labels = torch.arange(len(logits))
            return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.t(), labels)) / 2


def read_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = np.frombuffer(file.read(), np.uint8)
    header.pop("__metadata__", None)
    return {
        name: torch.from_numpy(data[slice(*entry["data_offsets"])].view(np.float32).reshape(entry["shape"]).copy())
        for name, entry in header.items()
    }


def write_safetensors(path, tensors):
    header, offset = {}, 0
    for name, tensor in tensors.items():
        size = tensor.numel() * 4
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(tensor.detach().float().contiguous().numpy().tobytes())


def load_model(options_path, weights_path):
    with open(options_path) as file:
        model = Clip(json.load(file))
    model.load_state_dict(read_safetensors(weights_path))
    return model


def load_batch(folder, size, context):
    images = torch.from_numpy(np.fromfile(f"{folder}/images.f32", np.float32).reshape(-1, 3, size, size))
    tokens = torch.from_numpy(np.fromfile(f"{folder}/tokens.i64", np.int64).reshape(-1, context))
    return images, tokens, torch.from_numpy(np.fromfile(f"{folder}/ends.i64", np.int64))


def main():
    verb, options_path, weights_path, batch_folder, out = sys.argv[1:6]
    assert verb == "gradients"
    torch.set_num_threads(1)
    model = load_model(options_path, weights_path)
    with open(options_path) as file:
        options = json.load(file)
    batch = load_batch(batch_folder, options["image"]["size"], options["text"].get("context", 77))
    with torch.cpu.amp.autocast(enabled="--bf16" in sys.argv, dtype=torch.bfloat16):
        loss = model(*batch)
    loss.backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    write_safetensors(out, {**gradients, "loss": loss.detach()})


if __name__ == "__main__":
    main()
