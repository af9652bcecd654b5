using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;
using LayerNorm = TorchSharp.Modules.LayerNorm;

// The peer uses TorchSharp as its users do, including calls that ClipTrain wraps.
#pragma warning disable RS0030

namespace ClipTrain.Bench.Step;

/// <summary>
/// A CLIP in idiomatic TorchSharp: modules, a convolution for the patches, fused attention, the whole matrix of logits.
/// </summary>
/// <remarks>Shapes: b pairs, L tokens, W width, H heads.</remarks>
internal sealed class TorchSharpClip : nn.Module
{
    private readonly Conv2d _patches;
    private readonly Embedding _tokens;
    private readonly LayerNorm _before,
        _after,
        _final;
    private readonly Sequential _image,
        _text;
    private readonly Parameter _class,
        _imagePositions,
        _imageProjection,
        _textPositions,
        _textProjection,
        _scale;

    /// <exception cref="NotSupportedException">The image tower is not a plain ViT.</exception>
    public TorchSharpClip(ModelOptions model)
        : base(nameof(TorchSharpClip))
    {
        var (image, text) = (model.Image, model.Text);
        if (image is not { Patch: { } patch, Layers: { } layers, Pooling: ImagePooling.ClassToken })
        {
            throw new NotSupportedException("The TorchSharp peer supports only a ViT with a class token.");
        }

        var side = image.Size / patch;
        _patches = nn.Conv2d(3, image.Width, patch, stride: patch, bias: false);
        _tokens = nn.Embedding(text.Vocabulary, text.Width);
        (_before, _after, _final) = (nn.LayerNorm(image.Width), nn.LayerNorm(image.Width), nn.LayerNorm(text.Width));
        _image = Blocks(layers, image.Width, image.Heads, isCausal: false);
        _text = Blocks(text.Layers, text.Width, text.Heads, isCausal: true);
        (_class, _imagePositions, _imageProjection) = (
            Drawn(image.Width),
            Drawn((side * side) + 1, image.Width),
            Drawn(image.Width, model.EmbedDim)
        );
        (_textPositions, _textProjection) = (Drawn(text.Context, text.Width), Drawn(text.Width, model.EmbedDim));
        _scale = nn.Parameter(tensor(MathF.Log(1 / 0.07f)));
        RegisterComponents();
    }

    /// <summary>The symmetric cross-entropy of images b3SS and captions bL that end at their last token.</summary>
    public Tensor Loss(Tensor images, Tensor tokens)
    {
        using var scope = NewDisposeScope();
        var count = images.size(0);
        var x = _patches.forward(images.to(_class.dtype)).flatten(2).transpose(1, 2);
        x = _image.forward(_before.forward(cat([_class.expand(count, 1, -1), x], 1) + _imagePositions));
        var text = _text.forward(_tokens.forward(tokens) + _textPositions);
        var imageFeatures = F.normalize(_after.forward(x.select(1, 0)).matmul(_imageProjection).to(float32), 2, -1);
        var textFeatures = F.normalize(_final.forward(text).select(1, -1).matmul(_textProjection).to(float32), 2, -1);
        var logits = imageFeatures.matmul(textFeatures.t()) * _scale.to(float32).exp();
        var labels = arange(count);
        return ((F.cross_entropy(logits, labels) + F.cross_entropy(logits.t(), labels)) / 2).MoveToOuterDisposeScope();
    }

    private static Sequential Blocks(int layers, long width, long heads, bool isCausal) =>
        nn.Sequential(Enumerable.Range(0, layers).Select(nn.Module<Tensor, Tensor> (_) => new Block(width, heads, isCausal)));

    private static Parameter Drawn(params long[] shape) => nn.Parameter(randn(shape) * 0.02);

    /// <summary>A pre-norm residual attention block: bLW → bLW.</summary>
    private sealed class Block : nn.Module<Tensor, Tensor>
    {
        private readonly LayerNorm _norm1,
            _norm2;
        private readonly Linear _in,
            _out,
            _up,
            _down;
        private readonly long _heads;
        private readonly bool _isCausal;

        public Block(long width, long heads, bool isCausal)
            : base(nameof(Block))
        {
            (_heads, _isCausal) = (heads, isCausal);
            (_norm1, _norm2) = (nn.LayerNorm(width), nn.LayerNorm(width));
            (_in, _out) = (nn.Linear(width, 3 * width), nn.Linear(width, width));
            (_up, _down) = (nn.Linear(width, 4 * width), nn.Linear(4 * width, width));
            RegisterComponents();
        }

        public override Tensor forward(Tensor x)
        {
            using var scope = NewDisposeScope();
            var qkv = _in.forward(_norm1.forward(x)).chunk(3, -1);
            var mixed = F.scaled_dot_product_attention(Heads(qkv[0]), Heads(qkv[1]), Heads(qkv[2]), is_casual: _isCausal);
            var y = x + _out.forward(mixed.transpose(1, 2).reshape(x.shape));
            return (y + _down.forward(F.gelu(_up.forward(_norm2.forward(y))))).MoveToOuterDisposeScope();
        }

        private Tensor Heads(Tensor x) => x.view(x.size(0), x.size(1), _heads, -1).transpose(1, 2);
    }
}
