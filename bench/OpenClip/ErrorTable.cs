using ClipTrain.Trainer.Tests.Reference;

namespace ClipTrain.Bench.OpenClip;

/// <summary>Prints how far each case is from the reference, and remembers whether a bar was passed.</summary>
internal sealed class ErrorTable
{
    /// <summary>What is compared, the names that belong to it, and the largest relative error.</summary>
    private static readonly (string What, Func<string, bool> Has, double Bar)[] s_rows =
    [
        ("features", name => name is ReferenceOutputs.ImageFeatures or ReferenceOutputs.TextFeatures, 1e-5),
        ("logits", name => name is ReferenceOutputs.Logits, 1e-5),
        ("losses of five steps", name => name is ReferenceOutputs.Losses, 1e-5),
        ("gradients", name => name.StartsWith(ReferenceOutputs.Gradient, StringComparison.Ordinal), 1e-4),
        ("moves of five steps", name => name.StartsWith(ReferenceOutputs.Moved, StringComparison.Ordinal), 1e-4),
    ];

    private int _failures;

    public ErrorTable()
    {
        Console.WriteLine($"{"case",-36} {"compared",-21} {"whole",8} {"tensor",8} {"element",8} {"bar",6}  worst tensor");
    }

    public void Add(string name, IReadOnlyDictionary<string, float[]> ours, IReadOnlyDictionary<string, float[]> theirs)
    {
        foreach (var (what, has, bar) in s_rows)
        {
            var tensors = ours.Where(pair => has(pair.Key)).Select(pair => (pair.Key, pair.Value, theirs[pair.Key])).ToArray();
            if (tensors.Length == 0)
                continue;
            var deviation = Deviation.Of(tensors);
            var passed = deviation.Whole <= bar && deviation.WorstTensor <= bar;
            _failures += passed ? 0 : 1;
            Console.WriteLine($"{name,-36} {what,-21} {deviation.Whole,8:E1} {deviation.WorstTensor,8:E1} {deviation.Largest,8:E1} {bar,6:E0}  {deviation.Worst}{(passed ? "" : "  TOO FAR")}");
        }
    }

    /// <summary>Says how it went; the exit status.</summary>
    public int Finish(string versions)
    {
        Console.WriteLine($"against open_clip and PyTorch {versions}: {(_failures == 0 ? "all within their bars" : $"{_failures} too far")}");
        return _failures == 0 ? 0 : 1;
    }
}
