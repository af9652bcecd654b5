using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.Fuzz;

/// <summary>Passes damaged files to the readers of training and evaluation.</summary>
internal sealed class Trial(string folder) : IDisposable
{
    private const int Side = 32;

    private static readonly ImageTransformOptions Options = new(Side)
    {
        FlipProbability = 0.5,
        Jitter = new ColourJitter(0.5, 0.4, 0.4, 0.4, 0.1),
        GreyscaleProbability = 0.2,
        Orient = true,
    };

    private readonly ClipImageTransform[] _transforms =
    [
        .. Enum.GetValues<JpegDecode>().Select(jpeg => new ClipImageTransform(Options with { Jpeg = jpeg })),
    ];
    private readonly byte[] _chw = new byte[3 * Side * Side * sizeof(float)];

    /// <summary>
    /// Reasons why the file, or samples in it, were rejected; empty if all could be used. Any other exception is a bug.
    /// </summary>
    public IReadOnlyList<string> Reasons(byte[] bytes, bool isParquet, long number) =>
        isParquet ? OfParquet(bytes) : OfImage(bytes, number);

    public void Dispose()
    {
        foreach (var transform in _transforms)
        {
            transform.Dispose();
        }
    }

    private IReadOnlyList<string> OfImage(byte[] bytes, long number)
    {
        try
        {
            foreach (var transform in _transforms)
            {
                var random = new CounterRandom(0, 0, (ulong)number);
                transform.Train(bytes, ref random, _chw);
            }

            _transforms[0].Evaluate(bytes, _chw);
            return [];
        }
        catch (ImageDecodeException e)
        {
            return [e.Message];
        }
    }

    private List<string> OfParquet(byte[] bytes)
    {
        var path = Path.Combine(folder, "mutated.parquet");
        File.WriteAllBytes(path, bytes);
        var reasons = new List<string>();
        try
        {
            using var loader = new SequentialLoader(
                CorpusManifest.Create([path]),
                () => new ClipImageTransform(Options),
                new SequentialLoaderOptions { Batch = 4 },
                bad => reasons.Add(bad.Reason)
            );
            foreach (var batch in loader.Read())
            {
                batch.Dispose();
            }
        }
        catch (CorpusException e)
        {
            reasons.Add("Parquet: " + e.Message.Replace(path, "FILE", StringComparison.Ordinal));
        }

        return reasons;
    }
}
