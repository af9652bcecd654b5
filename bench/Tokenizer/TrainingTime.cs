using System.Diagnostics;
using System.Globalization;
using ClipTrain.DataPipeline.Ordering;
using ClipTrain.DataPipeline.Text;

namespace ClipTrain.Bench.Tokenizer;

/// <summary>Time to learn a vocabulary of OpenAI's size from captions with as many distinct words as web captions have.</summary>
internal static class TrainingTime
{
    private const int Words = 1_000_000,
        Merges = 48_894;

    private static readonly string[] Syllables =
    [
        .. from c in "bdfgklmnprstvz" from v in new[] { "a", "e", "i", "o", "u", "ar", "en", "ing", "er", "ou" } select c + v,
    ];

    public static void Print(int captions)
    {
        var started = Stopwatch.StartNew();
        var counted = TimeSpan.Zero;
        var last = default(MergeProgress);
        var learned = MergeTrainer.Learn(
            Enumerable.Range(0, captions).Select(Caption),
            Merges,
            new Reports(progress =>
            {
                (last, counted) = (progress, progress.Merges == 0 ? started.Elapsed : counted);
            })
        );
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{captions:N0} captions, {last.Pieces:N0} words, {learned.Merges.Count:N0} merges: {started.Elapsed.TotalSeconds:F1} s, "
                    + $"of which making and counting captions {counted.TotalSeconds:F1} s; resident "
                    + $"{Environment.WorkingSet / 1e6:F0} MB"
            )
        );
    }

    private static string Caption(int number)
    {
        var random = new CounterRandom(3, 0, (ulong)number);
        return string.Join(' ', Enumerable.Range(0, 8).Select(_ => Word((ulong)Math.Pow(Words, random.NextDouble()))));
    }

    /// <summary>The word of a rank; the rarer, the longer.</summary>
    private static string Word(ulong rank)
    {
        var random = new CounterRandom(4, 0, rank);
        return string.Concat(
            Enumerable
                .Range(0, 1 + (int)Math.Log10(rank + 1) / 2 + (int)random.NextInt64(3))
                .Select(_ => Syllables[random.NextInt64(Syllables.Length)])
        );
    }

    private sealed class Reports(Action<MergeProgress> report) : IProgress<MergeProgress>
    {
        public void Report(MergeProgress value) => report(value);
    }
}
