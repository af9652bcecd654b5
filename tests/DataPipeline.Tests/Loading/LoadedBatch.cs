using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Tests.Loading;

/// <summary>A managed copy of a batch.</summary>
internal sealed record LoadedBatch(
    long Step,
    float[][] Images,
    string[] Captions,
    long[] Ends,
    SampleRef[] Samples,
    string[] Keys,
    int BadSamples
)
{
    public static unsafe LoadedBatch Take(TrainingLoader loader)
    {
        using var batch = loader.Take();
        var (images, tokens, ends) = (new float[batch.Count][], new string[batch.Count], new long[batch.Count]);
        for (var i = 0; i < batch.Count; i++)
        {
            images[i] = new ReadOnlySpan<float>((float*)batch.Images + (i * 12), 12).ToArray();
            ends[i] = ((long*)batch.EndPositions)[i];
            tokens[i] = string.Concat(
                new ReadOnlySpan<long>((long*)batch.Tokens + (i * 16), 16).ToArray().TakeWhile(t => t != 0).Select(t => (char)t)
            );
        }

        return new LoadedBatch(batch.Step, images, tokens, ends, [.. batch.Samples], [.. batch.Keys], batch.BadSamples);
    }

    public static LoadedBatch[] Take(TrainingLoader loader, int steps) => [.. Enumerable.Range(0, steps).Select(_ => Take(loader))];

    /// <summary>The workers' slices of one step, concatenated.</summary>
    public static LoadedBatch Concat(IReadOnlyList<LoadedBatch> slices) =>
        new(
            slices.Select(s => s.Step).Distinct().Single(),
            [.. slices.SelectMany(s => s.Images)],
            [.. slices.SelectMany(s => s.Captions)],
            [.. slices.SelectMany(s => s.Ends)],
            [.. slices.SelectMany(s => s.Samples)],
            [.. slices.SelectMany(s => s.Keys)],
            slices.Sum(s => s.BadSamples)
        );

    public static void AssertEqual(LoadedBatch expected, LoadedBatch actual)
    {
        Assert.Equal(expected.Step, actual.Step);
        Assert.Equal(expected.Samples, actual.Samples);
        Assert.Equal(expected.Images, actual.Images);
        Assert.Equal(expected.Captions, actual.Captions);
        Assert.Equal(expected.Ends, actual.Ends);
        Assert.Equal(expected.Keys, actual.Keys);
        Assert.Equal(expected.BadSamples, actual.BadSamples);
    }
}
