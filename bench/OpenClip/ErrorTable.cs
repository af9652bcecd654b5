using ClipTrain.Trainer.Tests.Reference;

namespace ClipTrain.Bench.OpenClip;

/// <summary>Prints the distance of each case from the reference, and records whether one exceeds its bar.</summary>
internal sealed class ErrorTable
{
    private const double OutputBar = 1e-5,
        StepBar = 1e-4;

    /// <summary>The groups of tensors to compare, their names, and the largest relative error allowed.</summary>
    private readonly (string What, Func<string, bool> Has, double Bar)[] _rows;

    private int _failures;

    /// <param name="featureBar">Largest relative error of embeddings that is allowed.</param>
    public ErrorTable(double featureBar = OutputBar)
    {
        _rows =
        [
            ("features", name => name is ReferenceOutputs.ImageFeatures or ReferenceOutputs.TextFeatures, featureBar),
            ("logits", name => name is ReferenceOutputs.Logits, OutputBar),
            ("losses of five steps", name => name is ReferenceOutputs.Losses, OutputBar),
            ("gradients", name => name.StartsWith(ReferenceOutputs.Gradient, StringComparison.Ordinal), StepBar),
            ("moves of five steps", name => name.StartsWith(ReferenceOutputs.Moved, StringComparison.Ordinal), StepBar),
        ];
        Console.WriteLine(
            $"{Cell.Left("case", 50)} {Cell.Left("compared", 20)} {Cell.Right("whole", 8)} {Cell.Right("tensor", 8)} "
                + $"{Cell.Right("element", 8)} {Cell.Right("bar", 6)}  worst tensor"
        );
    }

    /// <summary>Versions of open_clip and PyTorch.</summary>
    public string Versions { get; set; } = "";

    public void Add(string name, IReadOnlyDictionary<string, float[]> ours, IReadOnlyDictionary<string, float[]> theirs)
    {
        foreach (var (what, has, bar) in _rows)
        {
            var tensors = ours.Where(pair => has(pair.Key)).Select(pair => (pair.Key, pair.Value, theirs[pair.Key])).ToArray();
            if (tensors.Length == 0)
            {
                continue;
            }

            var deviation = Deviation.Of(tensors);
            var passed = deviation.Whole <= bar && deviation.WorstTensor <= bar;
            _failures += passed ? 0 : 1;
            Console.WriteLine(
                $"{Cell.Left(name, 50)} {Cell.Left(what, 20)} {Cell.Right(deviation.Whole, 8, "0.0E-0")} "
                    + $"{Cell.Right(deviation.WorstTensor, 8, "0.0E-0")} {Cell.Right(deviation.Largest, 8, "0.0E-0")} "
                    + $"{Cell.Right(bar, 6, "0E-0")}  {deviation.Worst}{(passed ? "" : "  TOO FAR")}"
            );
        }
    }

    /// <summary>Prints the outcome and returns the exit code.</summary>
    public int Finish()
    {
        Console.WriteLine($"open_clip and PyTorch {Versions}: {(_failures == 0 ? "all within their bars" : $"{_failures} too far")}");
        return _failures == 0 ? 0 : 1;
    }
}
