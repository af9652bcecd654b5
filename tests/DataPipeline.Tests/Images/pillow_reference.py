"""Writes images and what Pillow and torchvision make of them into the folder given; manifest.json lists the cases."""
import json
import os
import struct
import sys
import zlib

import numpy
import torch
from PIL import Image, ImageDraw, ImageOps
from torchvision import transforms
from torchvision.transforms import functional

out = sys.argv[1]
torch.set_num_threads(1)
random = numpy.random.default_rng(0)
manifest = {"decode": [], "resample": [], "transform": [], "colour": [], "oriented": []}
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
BICUBIC = transforms.InterpolationMode.BICUBIC


def path(name):
    return os.path.join(out, name)


def photo(width, height, noise=20):
    """Gradients, hard edges and noise: what resampling can get wrong shows at edges, what chroma upsampling can in colour."""
    y, x = numpy.mgrid[0:height, 0:width]
    planes = [x * 255 / max(1, width - 1), y * 255 / max(1, height - 1), 127 + 120 * numpy.sin(x / 7 + y / 11)]
    pixels = numpy.stack(planes, -1) + random.normal(0, noise, (height, width, 3))
    image = Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8))
    draw = ImageDraw.Draw(image)
    draw.rectangle((width // 4, height // 4, width // 2, height // 2), fill=(255, 255, 255))
    draw.ellipse((width // 2, height // 3, width * 7 // 8, height * 7 // 8), fill=(0, 0, 0), outline=(255, 0, 0))
    return image


def save_rgb(name, image):
    rgb = image.convert("RGB")
    with open(path(name), "wb") as f:
        f.write(struct.pack("<ii", *rgb.size) + rgb.tobytes())


def decode_case(name, image, **options):
    image.save(path(name), **options)
    expected(name)


def expected(name, rgb=None):
    save_rgb(name + ".rgb", rgb or Image.open(path(name)))
    manifest["decode"].append(name)


def png16(name, pixels):
    """Pillow cannot write PNGs of 16 bits a colour channel."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    with open(path(name), "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def formats():
    rgb, gray = photo(61, 47), photo(61, 47).convert("L")
    alpha = Image.merge("RGBA", (*rgb.split(), gray))
    decode_case("420.jpg", rgb, quality=90)
    decode_case("422.jpg", rgb, quality=80, subsampling=1)
    decode_case("444.jpg", rgb, quality=95, subsampling=0)
    decode_case("gray.jpg", gray)
    decode_case("progressive.jpg", rgb, progressive=True)
    decode_case("cmyk.jpg", rgb.convert("CMYK"), quality=95)
    oriented = Image.Exif()
    oriented[0x0112] = 6
    decode_case("exif-orientation.jpg", rgb, exif=oriented)
    decode_case("one-pixel.jpg", photo(1, 1))
    decode_case("rgb.png", rgb)
    decode_case("narrow.png", photo(2, 40000))
    decode_case("wide.png", photo(40000, 2))
    decode_case("gray.png", gray)
    decode_case("bilevel.png", gray.convert("1"))
    decode_case("alpha.png", alpha)
    decode_case("gray-alpha.png", alpha.convert("LA"))
    decode_case("palette.png", rgb.convert("P", palette=Image.Palette.ADAPTIVE, colors=16))
    decode_case("palette-transparency.png", rgb.convert("P", palette=Image.Palette.ADAPTIVE, colors=16), transparency=3)
    png16("rgb16.png", random.integers(0, 65536, (47, 61, 3)))
    expected("rgb16.png")
    # Pillow's conversion of 16-bit gray is white nearly everywhere; the picture is in the high byte.
    deep = gray.point(lambda v: v * 256 + 77, "I")
    deep.save(path("gray16.png"))
    expected("gray16.png", gray)
    decode_case("lossless.webp", rgb, lossless=True)
    decode_case("alpha.webp", alpha, lossless=True, exact=True)
    decode_case("one-frame.gif", rgb.convert("P", palette=Image.Palette.ADAPTIVE))
    frames = [photo(30, 20).convert("P", palette=Image.Palette.ADAPTIVE) for _ in range(3)]
    decode_case("animated.gif", frames[0], save_all=True, append_images=frames[1:])
    decode_case("rgb.tiff", rgb)
    decode_case("deflate.tiff", rgb, compression="tiff_adobe_deflate")
    decode_case("gray.tiff", gray)


def resample_case(name, image, box, size):
    cropped = image.crop((box[0], box[1], box[0] + box[2], box[1] + box[3]))
    result = "%s-%d.rgb" % (name, len(manifest["resample"]))
    save_rgb(result, cropped.resize(size, Image.Resampling.BICUBIC))
    manifest["resample"].append({"source": name, "box": box, "size": size, "expected": result})


def resampling():
    sizes = [(1, 1), (2, 3), (7, 5), (64, 64), (301, 203), (640, 480), (33, 900)]
    for width, height in sizes:
        name = "source-%dx%d.rgb" % (width, height)
        image = photo(width, height, noise=60)
        save_rgb(name, image)
        for size in ((1, 1), (5, 7), (32, 32), (width, height), (97, 60), (224, 224)):
            resample_case(name, image, (0, 0, width, height), size)
        for _ in range(4):
            w, h = random.integers(1, width + 1), random.integers(1, height + 1)
            box = [int(v) for v in (random.integers(0, width - w + 1), random.integers(0, height - h + 1), w, h)]
            resample_case(name, image, box, [int(v) for v in random.integers(1, 256, 2)])
    extremes = Image.fromarray((random.integers(0, 2, (150, 170, 3)) * 255).astype(numpy.uint8))
    save_rgb("extremes.rgb", extremes)
    for size in ((64, 64), (170, 150), (400, 333), (16, 16)):
        resample_case("extremes.rgb", extremes, (0, 0, 170, 150), size)


def transform_case(source, size, box, result):
    name = "%s-%d.f32" % (source, len(manifest["transform"]))
    tensor = transforms.Normalize(MEAN, STD)(transforms.ToTensor()(result))
    tensor.numpy().astype("<f4").tofile(path(name))
    manifest["transform"].append({"source": source, "size": size, "box": box, "expected": name})


def transforming():
    sizes = [(300, 200), (200, 300), (224, 224), (225, 224), (223, 341), (1000, 70), (70, 1001), (50, 40), (1, 1), (2, 9)]
    for width, height in sizes:
        source = "transform-%dx%d.jpg" % (width, height)
        photo(width, height).save(path(source), quality=90)
        image = Image.open(path(source)).convert("RGB")
        for size in (224, 65, 32):
            evaluate = transforms.Compose([transforms.Resize(size, BICUBIC), transforms.CenterCrop(size)])
            transform_case(source, size, None, evaluate(image))
        if width > 40 and height > 40:
            box = [int(v) for v in (3, 5, width * 9 // 10 - 3, height * 9 // 10 - 5)]
            transform_case(source, 96, box, functional.resized_crop(image, box[1], box[0], box[3], box[2], (96, 96), BICUBIC))


def colours():
    image = photo(97, 61, noise=60)
    save_rgb("colour.rgb", image)
    changes = {
        "brightness": (functional.adjust_brightness, (0, 0.4, 1, 1.7)),
        "contrast": (functional.adjust_contrast, (0, 0.4, 1, 1.7)),
        "saturation": (functional.adjust_saturation, (0, 0.4, 1, 1.7)),
        "hue": (functional.adjust_hue, (-0.5, -0.13, 0.004, 0.31, 0.5)),
        "greyscale": (lambda picture, _: functional.to_grayscale(picture, 3), (0,)),
    }
    for change, (adjust, amounts) in changes.items():
        for amount in amounts:
            name = "%s-%g.rgb" % (change, amount)
            save_rgb(name, adjust(image, amount))
            manifest["colour"].append({"change": change, "amount": amount, "expected": name})


def orienting():
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        for kind in ("jpg", "png", "webp", "tiff"):
            name = "oriented-%d.%s" % (orientation, kind)
            photo(150, 97).save(path(name), exif=exif, **({"quality": 90} if kind == "jpg" else {"lossless": True} if kind == "webp" else {}))
            image = Image.open(path(name))
            # Pillow turns TIFFs while it reads them, and leaves the tag.
            image = (image if kind == "tiff" else ImageOps.exif_transpose(image)).convert("RGB")
            result = transforms.Compose([transforms.Resize(64, BICUBIC), transforms.CenterCrop(64)])(image)
            save_rgb(name + ".rgb", result)
            manifest["oriented"].append(name)


formats()
resampling()
transforming()
colours()
orienting()
with open(path("manifest.json"), "w") as f:
    json.dump(manifest, f)
