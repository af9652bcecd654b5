"""A straightforward CLIP in PyTorch, written as its users write it: convolution for the patches, nn.MultiheadAttention,
one parameter a tensor, the whole logit matrix. Tests compare gradients with it, benchmarks compare time.

    clip_reference.py gradients MODEL.json WEIGHTS.safetensors BATCH_DIR OUT.safetensors [--bf16]

BATCH_DIR holds images.f32 (b,3,S,S), tokens.i64 (b,L) and ends.i64 (b). OUT holds the gradient of every parameter, what
the step makes of BatchNorms' running statistics, and `loss`.
"""
import json
import struct
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def is_autocast(device):
    return torch.is_autocast_cpu_enabled() if device.type == "cpu" else torch.is_autocast_enabled()


class Fp32LayerNorm(nn.LayerNorm):
    def forward(self, x):
        with torch.autocast(x.device.type, enabled=False):
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


class ConvStem(nn.Sequential):
    def __init__(self, patch, width):
        super().__init__()
        steps = patch.bit_length() - 1
        channels = [3] + [width >> (steps - 1 - i) for i in range(steps)]
        for i, (before, after) in enumerate(zip(channels, channels[1:])):
            layer = nn.Sequential()
            layer.add_module("conv", nn.Conv2d(before, after, 3, 2, 1, bias=False))
            layer.add_module("bn", nn.BatchNorm2d(after))
            self.add_module(str(i), layer)

    def forward(self, x):
        for layer in self:
            x = F.relu(layer(x))
        return x


class QueryPool(nn.Module):
    def __init__(self, width, heads, mlp_ratio, activation):
        super().__init__()
        block = Block(width, heads, mlp_ratio, activation)
        self.query = nn.Parameter(torch.zeros(width))
        self.attn, self.ln_2, self.mlp = block.attn, block.ln_2, block.mlp

    def forward(self, x):
        read = self.attn(self.query.to(x.dtype).expand(x.shape[0], 1, -1), x, x, need_weights=False)[0][:, 0]
        return read + self.mlp(self.ln_2(read))


def sine_positions(side, width):
    """MAE's get_2d_sincos_pos_embed."""
    def of(places):
        frequencies = 1 / 10000 ** (np.arange(width // 4) / (width / 4))
        angles = np.outer(places, frequencies)
        return np.concatenate([np.sin(angles), np.cos(angles)], 1)

    columns, rows = np.meshgrid(np.arange(side), np.arange(side))
    return torch.from_numpy(np.concatenate([of(columns.reshape(-1)), of(rows.reshape(-1))], 1)).float()


class Visual(nn.Module):
    def __init__(self, tower, embed_dim, activation):
        super().__init__()
        width, patch = tower["width"], tower["patch"]
        stride = tower.get("stride") or patch
        side = (tower["size"] - patch) // stride + 1
        pooling, positions = tower.get("pooling", "class_token"), tower.get("positions", "learned")
        has_class, self.registers = pooling == "class_token", tower.get("registers", 0)
        if tower.get("patch_embedding") == "conv_stem":
            self.stem = ConvStem(patch, width)
            self.conv1 = nn.Conv2d(width, width, 1, bias=False)
        else:
            self.stem = nn.Identity()
            self.conv1 = nn.Conv2d(3, width, patch, stride, bias=False)
        if has_class:
            self.class_embedding = nn.Parameter(torch.zeros(width))
        if positions == "learned":
            self.positional_embedding = nn.Parameter(torch.zeros(side ** 2 + has_class, width))
        else:
            table = sine_positions(side, width) if positions == "sine" else torch.zeros(side ** 2, width)
            table = torch.cat([torch.zeros(int(has_class), width), table])
            self.register_buffer("positional_embedding", table, persistent=False)
        if self.registers:
            self.register_tokens = nn.Parameter(torch.zeros(self.registers, width))
        self.ln_pre = Fp32LayerNorm(width)
        self.transformer = Transformer(tower, activation)
        self.ln_post = Fp32LayerNorm(width)
        self.pooling = pooling
        if pooling == "attention":
            self.attn_pool = QueryPool(width, tower["heads"], tower.get("mlp_ratio", 4), activation)
        self.proj = nn.Parameter(torch.zeros(width, embed_dim))

    def forward(self, images):
        x = self.conv1(self.stem(images)).flatten(2).transpose(1, 2)
        each = lambda rows: rows.to(x.dtype).expand(x.shape[0], -1, -1)
        if self.pooling == "class_token":
            x = torch.cat([each(self.class_embedding[None]), x], 1)
        x = x + self.positional_embedding.to(x.dtype)
        if self.registers:
            before = int(self.pooling == "class_token")
            x = torch.cat([x[:, :before], each(self.register_tokens), x[:, before:]], 1)
        x = self.ln_post(self.transformer(self.ln_pre(x)))
        if self.pooling == "class_token":
            x = x[:, 0]
        elif self.pooling == "average":
            x = x[:, self.registers:].mean(1)
        else:
            x = self.attn_pool(x[:, self.registers:])
        return x @ self.proj


class Bottleneck(nn.Module):
    def __init__(self, inputs, channels, stride):
        super().__init__()
        outputs = channels * 4
        self.conv1, self.bn1 = nn.Conv2d(inputs, channels, 1, bias=False), nn.BatchNorm2d(channels)
        self.conv2, self.bn2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        self.conv3, self.bn3 = nn.Conv2d(channels, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        self.pool = nn.AvgPool2d(stride)
        self.downsample = None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(self.pool(y)))
        return F.relu(y + (self.downsample(self.pool(x)) if self.downsample is not None else x))


class AttentionPool(nn.Module):
    def __init__(self, places, width, heads, embed_dim):
        super().__init__()
        self.positional_embedding = nn.Parameter(torch.zeros(places + 1, width))
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(width, width) for _ in range(3))
        self.c_proj = nn.Linear(width, embed_dim)
        self.heads = heads

    def forward(self, x):
        x = x.flatten(2).permute(2, 0, 1)
        x = torch.cat([x.mean(0, keepdim=True), x]) + self.positional_embedding[:, None].to(x.dtype)
        return F.multi_head_attention_forward(
            x[:1], x, x, x.shape[-1], self.heads, None,
            torch.cat([self.q_proj.bias, self.k_proj.bias, self.v_proj.bias]), None, None, False, 0,
            self.c_proj.weight, self.c_proj.bias, use_separate_proj_weight=True, need_weights=False,
            q_proj_weight=self.q_proj.weight, k_proj_weight=self.k_proj.weight, v_proj_weight=self.v_proj.weight)[0][0]


class ResNet(nn.Module):
    def __init__(self, tower, embed_dim):
        super().__init__()
        width = tower["width"]
        self.conv1, self.bn1 = nn.Conv2d(3, width // 2, 3, 2, 1, bias=False), nn.BatchNorm2d(width // 2)
        self.conv2, self.bn2 = nn.Conv2d(width // 2, width // 2, 3, padding=1, bias=False), nn.BatchNorm2d(width // 2)
        self.conv3, self.bn3 = nn.Conv2d(width // 2, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        inputs = width
        for stage, count in enumerate(tower["blocks"]):
            blocks = []
            for i in range(count):
                blocks.append(Bottleneck(inputs, width << stage, 2 if stage and not i else 1))
                inputs = (width << stage) * 4
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.attnpool = AttentionPool((tower["size"] // 32) ** 2, inputs, tower["heads"], embed_dim)

    def forward(self, x):
        for conv, bn in ((self.conv1, self.bn1), (self.conv2, self.bn2), (self.conv3, self.bn3)):
            x = F.relu(bn(conv(x)))
        x = F.avg_pool2d(x, 2)
        return self.attnpool(self.layer4(self.layer3(self.layer2(self.layer1(x)))))


class Clip(nn.Module):
    def __init__(self, options):
        super().__init__()
        text, activation = options["text"], options.get("activation", "gelu")
        if options["image"].get("architecture") == "resnet":
            self.visual = ResNet(options["image"], options["embed_dim"])
        else:
            self.visual = Visual(options["image"], options["embed_dim"], activation)
        self.transformer = Transformer(text, activation)
        self.token_embedding = nn.Embedding(text.get("vocabulary", 49408), text["width"])
        self.positional_embedding = nn.Parameter(torch.zeros(text.get("context", 77), text["width"]))
        self.ln_final = Fp32LayerNorm(text["width"])
        self.text_projection = nn.Parameter(torch.zeros(text["width"], options["embed_dim"]))
        self.logit_scale = nn.Parameter(torch.tensor(0.0))
        self.heads = text["heads"]
        self.causal, self.pooling = text.get("attention", "causal") == "causal", text.get("pooling", "end_of_text")
        context = text.get("context", 77)
        self.register_buffer("mask", torch.full((context, context), float("-inf")).triu(1), persistent=False)

    def encode_text(self, tokens, ends):
        x = self.token_embedding(tokens) + self.positional_embedding
        if is_autocast(x.device):
            x = x.to(torch.bfloat16)
        mask, is_text = self.mask.to(x.dtype), torch.arange(x.shape[1], device=x.device) <= ends[:, None]
        if not self.causal:
            mask = None
            if self.pooling != "last":
                mask = torch.zeros(is_text.shape, device=x.device).masked_fill(~is_text, float("-inf")).to(x.dtype)
                mask = mask[:, None].expand(-1, x.shape[1], -1).repeat_interleave(self.heads, 0)
        x = self.ln_final(self.transformer(x, mask))
        if self.pooling == "mean":
            x = (x * is_text[..., None]).sum(1) / is_text.sum(1, keepdim=True)
        elif self.pooling == "last":
            x = x[:, -1]
        else:
            x = x[torch.arange(x.shape[0], device=x.device), ends]
        return x @ self.text_projection

    def forward(self, images, tokens, ends):
        image = F.normalize(self.visual(images).float(), dim=-1)
        text = F.normalize(self.encode_text(tokens, ends).float(), dim=-1)
        with torch.autocast(image.device.type, enabled=False):
            logits = self.logit_scale.exp() * image @ text.t()
            labels = torch.arange(len(logits), device=image.device)
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
    with torch.autocast("cpu", enabled="--bf16" in sys.argv, dtype=torch.bfloat16):
        loss = model(*batch)
    loss.backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    statistics = {name: buffer for name, buffer in model.named_buffers() if "running_" in name}
    write_safetensors(out, {**gradients, **statistics, "loss": loss.detach()})


if __name__ == "__main__":
    main()
