using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.Bench.Images;

/// <summary>
/// Difference between the fast decoding of training and Pillow's, in levels of 255, over all pixels of all files.
/// </summary>
internal static class DecodeError
{
    /// <summary>"mean, 99th percentile, largest".</summary>
    public static string Measure(IReadOnlyList<byte[]> files, JpegDecode jpeg)
    {
        var counts = new long[256];
        for (var i = 0; i < files.Count; i++)
        {
            byte[] exact = Train(files[i], JpegDecode.Exact, i),
                other = Train(files[i], jpeg, i);
            for (var p = 0; p < exact.Length; p++)
            {
                counts[Math.Abs(exact[p] - other[p])]++;
            }
        }

        var total = counts.Sum();
        var mean = counts.Index().Sum(level => (double)level.Index * level.Item) / total;
        int percentile = 0,
            largest = Array.FindLastIndex(counts, count => count > 0);
        for (var below = counts[0]; below < 0.99 * total; below += counts[percentile])
        {
            percentile++;
        }

        return FormattableString.Invariant($"{mean:0.00}, {percentile}, {largest}");
    }

    private static byte[] Train(byte[] file, JpegDecode jpeg, int sample)
    {
        using var transform = new ClipImageTransform(new ImageTransformOptions(224) { Type = ImageType.UInt8, Jpeg = jpeg });
        var chw = new byte[3 * 224 * 224];
        var random = new CounterRandom(0, 0, (ulong)sample);
        transform.Train(file, ref random, chw);
        return chw;
    }
}
