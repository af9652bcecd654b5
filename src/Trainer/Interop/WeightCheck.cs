using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Parameters;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Trainer.Interop;

/// <summary>Checks that weights belong to a model: the same names, each with the expected shape.</summary>
public static class WeightCheck
{
    private const int Listed = 5;

    /// <param name="weights">Weights under ClipTrain's names.</param>
    /// <param name="specs">The model's parameters.</param>
    /// <param name="fits">True if a tensor whose shape differs from the parameter's can be used nevertheless.</param>
    /// <exception cref="WeightsException">Tensors are missing, unexpected or of another shape; the message lists them.</exception>
    public static void Strict(
        IWeights weights,
        IReadOnlyList<ParameterSpec> specs,
        Func<ParameterSpec, IReadOnlyList<long>, bool>? fits = null
    )
    {
        var names = specs.Select(spec => spec.Name).ToHashSet(StringComparer.Ordinal);
        string[] missing = [.. specs.Select(spec => spec.Name).Where(name => !weights.Shapes.ContainsKey(name))];
        string[] extra = [.. weights.Shapes.Keys.Where(name => !names.Contains(name))];
        string[] shapes =
        [
            .. from spec in specs
            where
                weights.Shapes.TryGetValue(spec.Name, out var there)
                && !there.SequenceEqual(spec.Shape)
                && fits?.Invoke(spec, there) != true
            select $"{spec.Name} is {Shape(weights.Shapes[spec.Name])}, the model's {Shape(spec.Shape)}",
        ];
        List<string> faults =
        [
            .. List("lack", missing, name => Near(name, extra, "there is")),
            .. List("have beside the model's", extra, name => Near(name, missing, "the model has")),
            .. shapes.Length == 0
                ? []
                : new[] { $"  {shapes.Length} of another shape: {string.Join("; ", shapes.Take(Listed))}{Rest(shapes.Length)}" },
        ];
        if (faults.Count > 0)
        {
            throw new WeightsException(
                $"{weights.Path}: these are not the model's weights.{Environment.NewLine}{string.Join(Environment.NewLine, faults)}"
            );
        }
    }

    /// <exception cref="WeightsException">A value is NaN or infinite.</exception>
    public static void Finite(IWeights weights, string name, ReadOnlySpan<float> values)
    {
        if (!NumberConversion.AllFinite(values))
        {
            throw new WeightsException(
                $"{weights.Path}: tensor '{name}' contains NaN or infinity: the run diverged, or the file is damaged. Use an "
                    + "earlier checkpoint."
            );
        }
    }

    private static IEnumerable<string> List(string verb, string[] names, Func<string, string> advice) =>
        names.Length == 0
            ? []
            :
            [
                $"  They {verb} {names.Length}: "
                    + $"{string.Join(", ", names.Take(Listed).Select(name => name + advice(name)))}{Rest(names.Length)}",
            ];

    private static string Near(string name, string[] candidates, string verb) =>
        EditDistance.Nearest(name, candidates.Take(1000)) is { } nearest ? $" ({verb} {nearest})" : "";

    private static string Rest(int count) => count > Listed ? $" and {count - Listed} more" : "";

    private static string Shape(IReadOnlyList<long> shape) => $"[{string.Join(", ", shape)}]";
}
