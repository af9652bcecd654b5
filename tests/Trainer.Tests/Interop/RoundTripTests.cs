using ClipTrain.Tests.Shared;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Interop;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Tests.Models;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Trainer.Tests.Interop;

public sealed class RoundTripTests : IDisposable
{
    /// <summary>Variants that a format cannot express, and the key that the error names.</summary>
    private static readonly Dictionary<string, (string Key, bool OpenClipToo)> s_refused = new(StringComparer.Ordinal)
    {
        ["resnet"] = ("image.architecture", false),
        ["overlapping patches"] = ("image.stride", true),
        ["overlapping patches by convolution"] = ("image.stride", true),
        ["convolutional stem"] = ("image.patch_embedding", true),
        ["average"] = ("image.pooling", true),
        ["attention pooling"] = ("image.pooling", true),
        ["sine positions"] = ("image.positions", false),
        ["no positions"] = ("image.positions", true),
        ["registers"] = ("image.registers", true),
        ["average with registers and sines"] = ("image.p", true),
        ["attention pooling with registers, no positions"] = ("image.pooling", true),
        ["bidirectional text"] = ("text.attention", true),
        ["last token"] = ("text.pooling", false),
        ["last token, bidirectional"] = ("text.attention", false),
        ["mean of text"] = ("text.pooling", true),
        ["mean of text, bidirectional"] = ("text.", true),
    };

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string, ExportFormat> Grid()
    {
        var grid = new TheoryData<string, ExportFormat>();
        foreach (var variant in ModelVariants.All.Keys)
        {
            foreach (var format in Enum.GetValues<ExportFormat>())
            {
                grid.Add(variant, format);
            }
        }

        return grid;
    }

    [Theory, MemberData(nameof(Grid))]
    public void A_model_round_trips_bit_for_bit_or_is_rejected_by_key(string variant, ExportFormat format)
    {
        var options = ModelFiles.WithTokenizer(ModelVariants.All[variant]);
        using var source = ModelFolder.Open(ModelFiles.Write(_folder.File("source"), options));
        var export = new ModelExport(source, format, NumberType.Float32);
        if (
            s_refused.TryGetValue(variant, out var refusal)
            && (format == ExportFormat.HuggingFace || (format == ExportFormat.OpenClip && refusal.OpenClipToo))
        )
        {
            Assert.Contains(
                refusal.Key,
                Assert.Throws<UsageException>(() => export.Write(_folder.File("there"))).Message,
                StringComparison.Ordinal
            );
            Assert.False(Directory.Exists(_folder.File("there")));
            return;
        }

        export.Write(_folder.File("there"));
        using var there = ModelFolder.Open(_folder.File("there"));
        ModelFiles.AssertSame(source.Weights, there.Weights);
        // Both forms of the patch embedding are the same function of the same weights.
        var expected =
            format == ExportFormat.Cliptrain
                ? options
                : options with
                {
                    Image = options.Image with { PatchEmbedding = PatchEmbedding.Linear },
                };
        Assert.Equal(ConfigWriter.WriteModel(expected), ConfigWriter.WriteModel(there.Options));
        Assert.Equal(source.Merges!.Merges, there.Merges!.Merges);
        Assert.True(there.Preprocessing.IsClip);
    }

    [Fact]
    public void A_chain_through_all_formats_ends_where_it_began()
    {
        var options = ModelFiles.WithTokenizer(
            TinyClip.Model with
            {
                Activation = Activation.QuickGelu,
                Image = TinyClip.Model.Image with { MlpRatio = 2.7 },
            }
        );
        var folder = ModelFiles.Write(_folder.File("0"), options);
        using var source = ModelFolder.Open(folder);
        foreach (var format in new[] { ExportFormat.HuggingFace, ExportFormat.OpenClip, ExportFormat.HuggingFace, ExportFormat.Cliptrain })
        {
            using var from = ModelFolder.Open(folder);
            folder = $"{folder}{(int)format}";
            new ModelExport(from, format, NumberType.Float32).Write(folder);
        }

        using var end = ModelFolder.Open(folder);
        ModelFiles.AssertSame(source.Weights, end.Weights);
        Assert.Equal(
            Mlp.HiddenWidth(options.Image.Width, options.Image.MlpRatio),
            Mlp.HiddenWidth(end.Options.Image.Width, end.Options.Image.MlpRatio)
        );
    }

    [Theory]
    [InlineData(NumberType.Float16)]
    [InlineData(NumberType.BFloat16)]
    public void A_half_precision_model_is_rounded_only_once(NumberType precision)
    {
        using var source = ModelFolder.Open(ModelFiles.Write(_folder.File("source"), ModelFiles.WithTokenizer(TinyClip.ResNet)));
        new ModelExport(source, ExportFormat.OpenClip, precision).Write(_folder.File("half"));
        using var half = ModelFolder.Open(_folder.File("half"));
        foreach (var name in source.Weights.Shapes.Keys)
        {
            foreach (var (before, after) in WeightFiles.Read(source.Weights, name).Zip(WeightFiles.Read(half.Weights, name)))
            {
                Assert.InRange(
                    Math.Abs(after - before),
                    0,
                    Math.Max(Math.Abs(before) * (precision == NumberType.Float16 ? 1f / 2048 : 1f / 256), 1e-7f)
                );
            }
        }

        new ModelExport(half, ExportFormat.Cliptrain, precision).Write(_folder.File("again"));
        using var again = ModelFolder.Open(_folder.File("again"));
        ModelFiles.AssertSame(half.Weights, again.Weights);
    }

    [Fact]
    public void The_sigmoid_bias_is_exported_to_open_clip_and_rejected_for_CLIPModel()
    {
        using var source = ModelFolder.Open(
            ModelFiles.Write(_folder.File("source"), ModelFiles.WithTokenizer(TinyClip.Model), more: (ClipModel.LogitBias, []))
        );
        new ModelExport(source, ExportFormat.OpenClip, NumberType.Float32).Write(_folder.File("open"));
        using var there = ModelFolder.Open(_folder.File("open"));
        ModelFiles.AssertSame(source.Weights, there.Weights);
        Assert.Contains(
            "init_logit_bias",
            File.ReadAllText(Path.Combine(_folder.File("open"), OpenClipConfig.FileName)),
            StringComparison.Ordinal
        );
        Assert.Contains(
            "logit_bias",
            Assert
                .Throws<UsageException>(() =>
                    new ModelExport(there, ExportFormat.HuggingFace, NumberType.Float32).Write(_folder.File("face"))
                )
                .Message,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void An_existing_folder_is_not_overwritten()
    {
        using var source = ModelFolder.Open(ModelFiles.Write(_folder.File("source"), ModelFiles.WithTokenizer(TinyClip.Model)));
        Assert.Contains(
            "already exists",
            Assert
                .Throws<UsageException>(() => new ModelExport(source, ExportFormat.OpenClip, NumberType.Float32).Write(_folder.Path))
                .Message,
            StringComparison.Ordinal
        );
    }

    public void Dispose() => _folder.Dispose();
}
