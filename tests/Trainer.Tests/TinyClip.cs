using ClipTrain.DataPipeline.Ordering;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests;

/// <summary>A CLIP model small enough for tests, and random batches for it.</summary>
internal static class TinyClip
{
    /// <summary>Number of classes of the labels.</summary>
    public const int Classes = 5;

    public static ModelOptions Model { get; } =
        new()
        {
            EmbedDim = 24,
            Image = new ImageTowerOptions
            {
                Size = 24,
                Patch = 8,
                Width = 32,
                Layers = 3,
                Heads = 2,
            },
            Text = new TextTowerOptions
            {
                Context = 20,
                Vocabulary = 96,
                Width = 24,
                Layers = 2,
                Heads = 3,
            },
        };

    public static RunOptions Run(Precision precision = Precision.Fp32, int globalBatch = 12, Objective objective = Objective.Contrastive) =>
        new()
        {
            Seed = 7,
            Model = objective == Objective.Classification ? Model with { Image = Model.Image with { Classes = Classes } } : Model,
            Data = new DataOptions { Train = ["unused"] },
            Training = new TrainingOptions
            {
                GlobalBatch = globalBatch,
                Steps = 100,
                WarmupSteps = 5,
                LearningRate = 1e-2,
                Precision = precision,
                LossTileRows = 5,
                GradientClip = 1,
                Objective = objective,
            },
        };

    /// <summary>The same with a small ResNet as image tower.</summary>
    public static ModelOptions ResNet { get; } =
        Model with
        {
            Image = new ImageTowerOptions
            {
                Architecture = ImageArchitecture.Resnet,
                Size = 64,
                Width = 8,
                Blocks = [1, 2, 1, 1],
                Heads = 4,
            },
        };

    /// <summary>Pairs [start, start + count) of an endless random data set; the same values for every caller.</summary>
    public static TrainingBatch Batch(int start, int count, double patchDropout = 0, ImageTowerOptions? tower = null, int views = 1)
    {
        var (size, context) = ((tower ?? Model.Image).Size, Model.Text.Context);
        var images = empty([count * views, 3, size, size], float32);
        var tokens = zeros([count, context], int64);
        var ends = zeros([count], int64);
        for (var i = 0; i < count; i++)
        {
            var random = new Random(start + i);
            var pixels = images.AsSpan<float>().Slice(i * views * 3 * size * size, views * 3 * size * size);
            for (var p = 0; p < pixels.Length; p++)
            {
                pixels[p] = (float)((random.NextDouble() * 4) - 2);
            }

            var length = random.Next(2, context - 1);
            var row = tokens.AsSpan<long>().Slice(i * context, context);
            for (var t = 0; t < length; t++)
            {
                row[t] = random.Next(1, Model.Text.Vocabulary - 1);
            }

            row[length] = Model.Text.Vocabulary - 1;
            ends.AsSpan<long>()[i] = length;
        }

        var samples = Enumerable.Range(start, count).Select(i => new SampleRef(0, i)).ToArray();
        var kept = PatchDropout.Draw((tower ?? Model.Image) with { PatchDropout = patchDropout }, seed: 7, samples);
        var labels_b = tensor([.. samples.Select(sample => sample.Index * 7 % Classes)]);
        return new TrainingBatch(images, tokens, ends, kept, [.. samples.Select(sample => $"sample-{sample.Index}")])
        {
            Labels_b = labels_b,
            Views = views,
        };
    }

    /// <summary>The largest end-of-text position of a batch.</summary>
    public static long LongestEnd(this TrainingBatch batch) => batch.Ends_b.AsSpan<long>().ToArray().Max();

    /// <summary>Moves the gradients of the leaves into the flat buffer, like a step of one rank.</summary>
    public static void Collect(this FlatParameters parameters)
    {
        using var reducer = parameters.NewReducer(new RankGroup());
        reducer.Begin(accumulate: false);
        reducer.Finish();
    }
}
