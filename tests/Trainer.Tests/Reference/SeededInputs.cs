using ClipTrain.DataPipeline.Ordering;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Parameters;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Reference;

/// <summary>Weights and a batch as functions of a seed and of names, so that a fixture need not contain them.</summary>
public static class SeededInputs
{
    /// <summary>
    /// Overwrites all weights. Unlike in a fresh model no tensor is all zeros or ones, so every one of them matters in the
    /// comparison; layers preserve the scale of their input, so rounding does not hide it either.
    /// </summary>
    public static void FillWeights(FlatParameters parameters, ReferenceCase reference)
    {
        using var guard = no_grad();
        foreach (var spec in parameters.Specs)
        {
            var values = parameters[spec.Name].AsSpan<float>();
            var (centre, spread) = Range(spec, reference);
            var random = Random(reference.Seed, spec.Name);
            foreach (ref var value in values)
            {
                value = (float)(centre + (spread * random.NextDouble(-1, 1)));
            }
        }
    }

    /// <summary>A batch whose captions end with the largest token of the vocabulary, as open_clip expects.</summary>
    public static TrainingBatch Batch(ReferenceCase reference)
    {
        var (size, text, pairs) = (reference.Model.Image.Size, reference.Model.Text, reference.Pairs);
        var images = empty([pairs, 3, size, size], float32);
        var tokens = zeros([pairs, text.Context], int64);
        var ends = zeros([pairs], int64);
        var random = Random(reference.Seed, "batch");
        foreach (ref var pixel in images.AsSpan<float>())
        {
            pixel = (float)random.NextDouble(-2, 2);
        }

        for (var i = 0; i < pairs; i++)
        {
            var end = reference.FullCaptions ? text.Context - 1 : (int)(1 + random.NextInt64(text.Context - 2));
            var row = tokens.AsSpan<long>().Slice(i * text.Context, text.Context);
            foreach (ref var token in row[..end])
            {
                token = 1 + random.NextInt64(text.Vocabulary - 2);
            }

            row[end] = text.Vocabulary - 1;
            ends.AsSpan<long>()[i] = end;
        }

        return new TrainingBatch(images, tokens, ends, null, [.. Enumerable.Range(0, pairs).Select(i => $"pair {i}")]);
    }

    /// <summary>Random numbers for one purpose.</summary>
    public static CounterRandom Random(ulong seed, string purpose)
    {
        // FNV-1a: the same on every machine and in every version.
        var hash = purpose.Aggregate(0xCBF29CE484222325, (hash, c) => (hash ^ c) * 0x100000001B3);
        return new CounterRandom(seed, 0, hash);
    }

    private static (double Centre, double Spread) Range(ParameterSpec spec, ReferenceCase reference) =>
        spec.Name switch
        {
            ClipModel.LogitScale => (reference.LogitScale, 0),
            _ when spec.Name.EndsWith("running_var", StringComparison.Ordinal) => (1, 0.5),
            _ when spec.Shape.Count == 1 && spec.Name.EndsWith(".weight", StringComparison.Ordinal) => (1, 0.3),
            _ when spec.Shape.Count == 1 => (0, 0.2),
            _ => (0, Math.Sqrt(3.0 * spec.Shape[0] / spec.Count)),
        };
}
