"""open_clip's side of bench/OpenClip: the same weights and batch through the open_clip that Python imports.

    open_clip_peer.py compare CASE.json WEIGHTS BATCH OUTPUTS
    open_clip_peer.py save CASE.json WEIGHTS FOLDER      # as open_clip's users do, with torch.save
    open_clip_peer.py features FOLDER BATCH OUTPUTS      # of a folder that was exported for open_clip
    open_clip_peer.py evaluate FOLDER TABLE TEMPLATES OUTPUTS   # right answers by open_clip's evaluation code

WEIGHTS, BATCH and OUTPUTS are safetensors. BATCH holds `images` (b,3,S,S) and `tokens` (b,L; as fp32, in which ids are exact).
OUTPUTS holds `image features`, `text features` and `logits` in evaluation, and unless CASE has no steps the `losses` of the
steps, the first step's gradients as `gradient/NAME` and how far all steps move weights and running statistics as `moved/NAME`.

TABLE is a CSV file with the columns path, label and caption, TEMPLATES a JSON list, and the OUTPUTS of evaluate a JSON object of
counts. It needs open_clip 2.24, whose training code is the package training beside it.
"""
import csv
import json
import math
import os
import struct
import sys
import types

import numpy as np
import torch

try:
    import ftfy
except ImportError:  # Debian has none. It leaves ASCII captions, as those of the evaluation, as they are.
    sys.modules["ftfy"] = types.SimpleNamespace(fix_text=lambda text: text)
import open_clip

FIXED = ("num_batches_tracked", "attn_mask")


def read_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    header.pop("__metadata__", None)
    types = {"F32": np.float32, "I64": np.int64}
    of = lambda entry: np.frombuffer(data[slice(*entry["data_offsets"])], types[entry["dtype"]]).reshape(entry["shape"])
    return {name: torch.from_numpy(of(entry).copy()) for name, entry in header.items()}


def write_safetensors(path, tensors):
    header, offset = {}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + 4 * tensor.numel()]}
        offset += 4 * tensor.numel()
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(tensor.detach().float().contiguous().numpy().tobytes())


def read_json(path):
    with open(path) as file:
        return json.load(file)


def configuration(options):
    """Our options as open_clip's."""
    image, text = options["image"], options["text"]
    if image["architecture"] == "resnet":
        vision = {"layers": image["blocks"], "head_width": image["width"] * 32 // image["heads"]}
    else:
        vision = {
            "layers": image["layers"], "head_width": image["width"] // image["heads"],
            "patch_size": image["patch"], "mlp_ratio": image["mlp_ratio"],
            "pool_type": {"class_token": "tok", "average": "avg"}[image["pooling"]],
            "pos_embed_type": {"learned": "learnable", "sine": "sin_cos_2d"}[image["positions"]]}
    return {
        "embed_dim": options["embed_dim"], "quick_gelu": options["activation"] == "quick_gelu",
        "vision_cfg": {"image_size": image["size"], "width": image["width"], **vision},
        "text_cfg": {
            "context_length": text["context"], "vocab_size": text["vocabulary"], "width": text["width"],
            "heads": text["heads"], "layers": text["layers"], "mlp_ratio": text["mlp_ratio"],
            "no_causal_mask": text["attention"] == "bidirectional",
            "pool_type": {"end_of_text": "argmax", "last": "last"}[text["pooling"]]}}


class Names:
    """Between our tensors and open_clip's, which are the same but where open_clip averages patches: our register is its class
    token plus that token's position. Here the token is zero and stays so, and the position alone is learned."""

    def __init__(self, options):
        self.average = options["image"]["pooling"] == "average"

    def theirs(self, ours):
        if not self.average:
            return ours
        ours = dict(ours)
        register = ours.pop("visual.register_tokens")
        ours["visual.positional_embedding"] = torch.cat([register, ours["visual.positional_embedding"]])
        ours["visual.class_embedding"] = torch.zeros_like(register[0])
        return ours

    def ours(self, theirs):
        if not self.average:
            return theirs
        theirs = dict(theirs)
        theirs.pop("visual.class_embedding", None)
        positions = theirs["visual.positional_embedding"]
        theirs["visual.register_tokens"], theirs["visual.positional_embedding"] = positions[:1], positions[1:]
        return theirs


def load(case, weights):
    options = case["model"]
    config = open_clip.get_model_config(case["open_clip_name"]) if case["open_clip_name"] else configuration(options)
    model = open_clip.CLIP(**config)
    missing, unexpected = model.load_state_dict(Names(options).theirs(weights), strict=False)
    computed = ("visual.positional_embedding",) if options["image"]["positions"] == "sine" else ()
    missing = [name for name in missing if not name.endswith(FIXED) and name not in computed]
    if missing or unexpected:
        sys.exit(f"open_clip's model lacks {unexpected} and has besides {missing}")
    if Names(options).average:
        model.visual.class_embedding.requires_grad_(False)
    return model


def features(model, images, tokens):
    model.eval()
    with torch.no_grad():
        image, text, scale = model(images, tokens)
        return {"image features": image, "text features": text, "logits": scale * image @ text.T}


def rate(training, step):
    """open_clip's cosine_lr."""
    peak, warmup, total = training["learning_rate"], training["warmup_steps"], training["steps"]
    if step < warmup:
        return peak * (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) * peak


def train(model, images, tokens, case):
    """The loop of open_clip's training, without what a small batch on a CPU does not need."""
    model.train()
    training, names = case["training"], Names(case["model"])
    state = lambda: {name: value.clone() for name, value in model.state_dict().items() if not name.endswith(FIXED)}
    excluded = lambda name, p: p.ndim < 2 or "bn" in name or "ln" in name or "bias" in name or "logit_scale" in name
    learned = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for name, p in learned if excluded(name, p)], "weight_decay": 0.0},
            {"params": [p for name, p in learned if not excluded(name, p)], "weight_decay": training["weight_decay"]},
        ],
        lr=training["learning_rate"], betas=(training["beta1"], training["beta2"]), eps=training["epsilon"])
    loss_of, before, losses, outputs = open_clip.ClipLoss(), state(), [], {}
    for step in range(case["steps"]):
        for group in optimizer.param_groups:
            group["lr"] = rate(training, step)
        optimizer.zero_grad()
        loss = loss_of(*model(images, tokens))
        loss.backward()
        if step == 0:
            gradients = names.ours({name: p.grad.clone() for name, p in learned})
            outputs.update({f"gradient/{name}": gradient for name, gradient in gradients.items()})
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))
        losses.append(loss.detach())
    after = state()
    moved = names.ours({name: after[name] - before[name] for name in after})
    return {**outputs, **{f"moved/{name}": value for name, value in moved.items()}, "losses": torch.stack(losses)}


def read_batch(path):
    batch = read_safetensors(path)
    return batch["images"], batch["tokens"].long()


def compare(case_path, weights_path, batch_path, outputs_path):
    case = read_json(case_path)
    model, batch = load(case, read_safetensors(weights_path)), read_batch(batch_path)
    outputs = features(model, *batch)
    if case["steps"]:
        outputs.update(train(model, *batch, case))
    write_safetensors(outputs_path, outputs)


def save(case_path, weights_path, folder):
    case = read_json(case_path)
    torch.save(load(case, read_safetensors(weights_path)).state_dict(), os.path.join(folder, "open_clip_pytorch_model.bin"))
    with open(os.path.join(folder, "open_clip_config.json"), "w") as file:
        json.dump({"model_cfg": configuration(case["model"])}, file)


def load_folder(folder):
    model = open_clip.CLIP(**read_json(os.path.join(folder, "open_clip_config.json"))["model_cfg"])
    model.load_state_dict(read_safetensors(os.path.join(folder, "open_clip_model.safetensors")), strict=True)
    return model


def features_of(folder, batch_path, outputs_path):
    write_safetensors(outputs_path, features(load_folder(folder), *read_batch(batch_path)))


def evaluate(folder, table_path, templates_path, outputs_path):
    """Preprocessing, tokenizer, zero-shot classifier, accuracy and recall are all open_clip's."""
    from PIL import Image
    from open_clip.transform import PreprocessCfg, image_transform_v2
    from training.train import get_clip_metrics
    from training.zero_shot import run

    config = read_json(os.path.join(folder, "open_clip_config.json"))
    model = load_folder(folder).eval()
    preprocess = image_transform_v2(
        PreprocessCfg(size=config["model_cfg"]["vision_cfg"]["image_size"], **config["preprocess_cfg"]), is_train=False)
    tokenizer = open_clip.SimpleTokenizer(context_length=config["model_cfg"]["text_cfg"]["context_length"])
    with open(table_path, newline="") as file:
        rows = list(csv.DictReader(file))
    place = lambda row: os.path.join(os.path.dirname(table_path), row["path"])
    images = torch.stack([preprocess(Image.open(place(row))) for row in rows])
    names = sorted({row["label"] for row in rows})
    targets = torch.tensor([names.index(row["label"]) for row in rows])

    classifier = open_clip.build_zero_shot_classifier(model, tokenizer, names, read_json(templates_path))
    batches = list(zip(images.split(100), targets.split(100)))
    top1, top5 = run(model, classifier, batches, types.SimpleNamespace(precision="fp32", device="cpu", batch_size=100))
    with torch.no_grad():
        image_features = torch.cat([model.encode_image(batch, normalize=True) for batch, _ in batches])
        text_features = model.encode_text(tokenizer([row["caption"] for row in rows]), normalize=True)
        recall = get_clip_metrics(image_features, text_features, model.logit_scale.exp())

    count = lambda share: round(float(share) * len(rows))
    counts = {"zero-shot top-1": count(top1), "zero-shot top-5": count(top5)}
    counts.update({name.replace("_R@", " R@"): count(value) for name, value in recall.items() if "_R@" in name})
    with open(outputs_path, "w") as file:
        json.dump(counts, file)


if __name__ == "__main__":
    torch.set_num_threads(1)
    {"compare": compare, "save": save, "features": features_of, "evaluate": evaluate}[sys.argv[1]](*sys.argv[2:])
    print(open_clip.version.__version__, torch.__version__)
