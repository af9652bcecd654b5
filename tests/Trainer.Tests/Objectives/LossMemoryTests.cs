using System.Globalization;
using System.Runtime.InteropServices;
using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Options;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Objectives;

/// <summary>The peak of resident memory while a loss is computed by tiles, with no other test beside it.</summary>
[Collection(nameof(LossMemoryTests))]
[CollectionDefinition(nameof(LossMemoryTests), DisableParallelization = true)]
public sealed partial class LossMemoryTests
{
    private const int Count = 16_384,
        Width = 16,
        TileRows = 512;

    [Theory]
    [InlineData(Objective.Contrastive)]
    [InlineData(Objective.Sigmoid)]
    public void A_loss_over_all_pairs_takes_two_tiles_of_logits(Objective objective)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(1);
        var (images, texts) = (UnitVectors(generator), UnitVectors(generator));
        var loss = PairLosses.Of(objective, new RankGroup(), TileRows);

        var tiles = PeakInTiles(() => loss.Compute(images, texts, [Count], scale: 20, bias: -10));

        Assert.InRange(tiles, 1.9, 2.6);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.1)]
    public void Cross_entropy_over_many_classes_takes_one_tile_of_logits(double smoothing)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(1);
        var (rows, weight) = (UnitVectors(generator).narrow(0, 0, 8 * TileRows), UnitVectors(generator));
        var (bias, targets) = (zeros([Count]), ClassTargets.Of(arange(8 * TileRows, int64)));
        var loss = new LinearCrossEntropy(TileRows, smoothing);

        var tiles = PeakInTiles(() => loss.Compute(rows, weight, bias, targets, factor: 1));

        Assert.InRange(tiles, 0.9, 1.6);
    }

    [Fact]
    public void Likelihoods_of_bags_of_words_take_one_tile_of_logits()
    {
        // As many words as classes, and tiles of 1,024 images.
        var options = TinyClip.Model with
        {
            Text = TinyClip.Model.Text with { Vocabulary = Count },
        };
        using var model = new ClipModel(options, Precision.Fp32, 3, objective: Objective.BagOfWords);
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        var batch = TinyClip.Batch(0, 4);
        var rows = TowerPass.Forward(model.FeatureSegments(), batch.Images_b3SS).repeat([1024, 1]);
        var texts = new TokenizedTexts(batch.Tokens_bL, batch.Ends_b.AsSpan<long>().ToArray());

        var tiles = PeakInTiles(() => TextLikelihood.Of(model).LogLikelihood(rows, texts).Dispose());

        Assert.InRange(tiles, 1.9, 2.6);
    }

    private static torch.Tensor UnitVectors(Generator generator) =>
        nn.functional.normalize(randn([Count, Width], generator: generator), 2, -1);

    /// <summary>What the work adds to resident memory at its peak, over the memory of a tile of logits.</summary>
    private static double PeakInTiles(Action work)
    {
        GC.Collect();
        // Memory that earlier tests freed would hide the peak, if the allocator kept it.
        _ = TrimHeap(0);
        var before = ResidentBytes("VmRSS");
        File.WriteAllText("/proc/self/clear_refs", "5"); // the peak starts from now
        work();
        return (ResidentBytes("VmHWM") - before) / (double)(sizeof(float) * TileRows * Count);
    }

    private static long ResidentBytes(string field)
    {
        var line = File.ReadLines("/proc/self/status").First(line => line.StartsWith(field, StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) * 1024;
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int TrimHeap(nuint pad);
}
