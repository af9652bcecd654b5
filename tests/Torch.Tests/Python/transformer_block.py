"""The same block and loss as PythonParityTests.cs, in PyTorch: reads NAME.f32 and batch files, writes NAME.grad.f32 and loss.f32."""
import os
import sys

import torch
import torch.nn.functional as F

WIDTH, HEADS, LENGTH, BATCH, HIDDEN, CLASSES = 32, 4, 10, 6, 64, 11

folder = sys.argv[1]
torch.set_num_threads(1)


def read(name, *shape):
    data = torch.from_file(os.path.join(folder, name + ".f32"), size=int(torch.tensor(shape).prod()), dtype=torch.float32)
    return data.clone().view(*shape)


def write(name, tensor):
    with open(os.path.join(folder, name + ".f32"), "wb") as f:
        f.write(tensor.detach().contiguous().numpy().tobytes())


SHAPES = {
    "ln1.weight": (WIDTH,), "ln1.bias": (WIDTH,),
    "qkv.weight": (3 * WIDTH, WIDTH), "qkv.bias": (3 * WIDTH,),
    "out.weight": (WIDTH, WIDTH), "out.bias": (WIDTH,),
    "ln2.weight": (WIDTH,), "ln2.bias": (WIDTH,),
    "up.weight": (HIDDEN, WIDTH), "up.bias": (HIDDEN,),
    "down.weight": (WIDTH, HIDDEN), "down.bias": (WIDTH,),
    "head.weight": (CLASSES, WIDTH),
}
p = {name: read(name, *shape).requires_grad_() for name, shape in SHAPES.items()}
x = read("x", BATCH, LENGTH, WIDTH)
target = torch.arange(BATCH) % CLASSES

h = F.layer_norm(x, (WIDTH,), p["ln1.weight"], p["ln1.bias"])
qkv = F.linear(h, p["qkv.weight"], p["qkv.bias"])
q, k, v = qkv.reshape(BATCH, LENGTH, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4).unbind(0)
attention = (q * (WIDTH // HEADS) ** -0.5).matmul(k.transpose(-2, -1)).softmax(-1)
x = x + F.linear(attention.matmul(v).transpose(1, 2).reshape(BATCH, LENGTH, WIDTH), p["out.weight"], p["out.bias"])
h = F.layer_norm(x, (WIDTH,), p["ln2.weight"], p["ln2.bias"])
x = x + F.linear(F.gelu(F.linear(h, p["up.weight"], p["up.bias"])), p["down.weight"], p["down.bias"])
features = F.normalize(x.mean(1), dim=-1)
loss = F.cross_entropy(F.linear(features, p["head.weight"]) * 10, target)
loss.backward()

write("loss", loss.reshape(1))
for name, tensor in p.items():
    write(name + ".grad", tensor.grad)

# Then three AdamW steps on one of them, its gradient held.
weight = torch.nn.Parameter(p["up.weight"].detach().clone())
optimizer = torch.optim.AdamW([weight], lr=1e-3, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.2)
for _ in range(3):
    weight.grad = p["up.weight"].grad.clone()
    optimizer.step()
write("up.weight.adamw", weight)
