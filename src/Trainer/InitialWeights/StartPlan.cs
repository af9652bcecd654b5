using ClipTrain.DataPipeline.Text;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Trainer.InitialWeights;

/// <summary>What a run takes from which tensor of the weights that it starts from; decided from names and shapes alone.</summary>
public sealed class StartPlan
{
    /// <summary>The token table's name.</summary>
    public const string TokenTable = "token_embedding.weight";

    private readonly RunOptions _run;
    private readonly IWeights _weights;
    private readonly MergeList? _sourceMerges;
    private readonly List<string> _misfits = [];

    /// <param name="run">The run.</param>
    /// <param name="weights">What it starts from.</param>
    /// <param name="sourceMerges">The vocabulary of their token table; null where it is not known.</param>
    /// <exception cref="WeightsException">They do not fit; the message names every tensor that does not, and both shapes.</exception>
    public StartPlan(RunOptions run, IWeights weights, MergeList? sourceMerges)
    {
        (_run, _weights, _sourceMerges) = (run, weights, sourceMerges);
        ParameterSpec[] specs =
        [
            .. ClipModel.Specs(run.Model, run.Training.Objective).Select(spec => FineTuning.Apply(spec, run.Model, run.Training)),
        ];
        CheckExceptions(specs);
        var names = specs.Select(spec => spec.Name).ToHashSet(StringComparer.Ordinal);
        Tensors =
        [
            .. specs.Select(Decide).OrderBy(start => start.Name, StringComparer.Ordinal),
            .. weights
                .Shapes.Where(tensor => !names.Contains(tensor.Key))
                .OrderBy(tensor => tensor.Key, StringComparer.Ordinal)
                .Select(tensor => new TensorStart(tensor.Key, TensorOrigin.Unused, tensor.Value, null)),
        ];
        if (_misfits.Count > 0)
            throw new WeightsException(
                $"{weights.Path}: does not fit the model. {string.Join("; ", _misfits)}. Change the model, or leave such tensors at "
                    + "their initial values with training.start_from_except."
            );
        if (!Tensors.Any(start => start.Origin is TensorOrigin.Loaded or TensorOrigin.Resized))
            throw new WeightsException(
                $"{weights.Path}: has no tensor of this model. It has "
                    + $"{string.Join(", ", weights.Shapes.Keys.Order(StringComparer.Ordinal).Take(4))}…; the model has "
                    + $"{string.Join(", ", names.Order(StringComparer.Ordinal).Take(4))}…."
            );
    }

    /// <summary>The model's tensors by name, then those that only the file has.</summary>
    public IReadOnlyList<TensorStart> Tensors { get; }

    /// <summary>The token table's rows that are taken, where vocabularies differ and both are known.</summary>
    public TokenRows? Rows { get; private set; }

    private TensorStart Decide(ParameterSpec spec)
    {
        TensorStart Start(TensorOrigin origin, string? note = null) =>
            new(spec.Name, origin, _weights.Shapes.GetValueOrDefault(spec.Name), spec.Shape, note);
        if (_run.Training.StartFromExcept.Any(prefix => spec.Name.StartsWith(prefix, StringComparison.Ordinal)))
            return Start(TensorOrigin.Fresh, "training.start_from_except");
        if (!_weights.Shapes.TryGetValue(spec.Name, out var shape))
        {
            if (spec.IsLocked)
                _misfits.Add($"{spec.Name} is locked by training.unlocked_groups, but is not there");
            return Start(TensorOrigin.Fresh, "not in the file");
        }

        if (spec.Name == TokenTable && shape.Count == 2 && shape[1] == spec.Shape[1])
            return DecideTokens(Start, shape[0], spec.Shape[0]);
        if (shape.SequenceEqual(spec.Shape) || (spec.Count == 1 && shape.All(size => size == 1)))
            return Start(TensorOrigin.Loaded);
        if (PositionTable.IsOtherResolution(spec, shape))
            return Start(TensorOrigin.Resized, "bicubic");
        if (spec.Name == TextPositions.Name && shape.Count == 2 && shape[1] == spec.Shape[1])
            return Start(TensorOrigin.Resized, shape[0] > spec.Shape[0] ? "the first rows" : "linear");
        _misfits.Add($"{spec.Name} is [{string.Join(", ", shape)}], the model's is [{string.Join(", ", spec.Shape)}]");
        return Start(TensorOrigin.Fresh);
    }

    private TensorStart DecideTokens(Func<TensorOrigin, string?, TensorStart> start, long rows, long modelRows)
    {
        // A file that is no run's has no vocabulary; as many rows are taken for the same tokens.
        if (_sourceMerges is null || _sourceMerges.VocabularySize != rows)
            return rows == modelRows
                ? start(TensorOrigin.Loaded, null)
                : start(TensorOrigin.Fresh, $"{rows} rows of an unknown vocabulary");
        var merges = MergeList.Named(_run.Data.Merges);
        if (TokenRows.AreSame(_sourceMerges, merges))
            return start(TensorOrigin.Loaded, null);
        Rows = TokenRows.Match(_sourceMerges, merges);
        return start(TensorOrigin.Resized, $"{Rows.Shared} of {Rows.Count} rows by the tokens' text");
    }

    private void CheckExceptions(ParameterSpec[] specs)
    {
        foreach (var prefix in _run.Training.StartFromExcept)
        {
            if (!specs.Any(spec => spec.Name.StartsWith(prefix, StringComparison.Ordinal)))
                throw new WeightsException(
                    $"training.start_from_except has '{prefix}', with which no tensor of the model begins. It has "
                        + $"{string.Join(", ", specs.Select(spec => spec.Name).Order(StringComparer.Ordinal).Take(8))}…."
                );
        }
    }
}

/// <summary>Where a tensor's first values come from.</summary>
public enum TensorOrigin
{
    /// <summary>The file, as they are.</summary>
    Loaded,

    /// <summary>The file, for another resolution, context or vocabulary.</summary>
    Resized,

    /// <summary>The run's seed.</summary>
    Fresh,

    /// <summary>None: it is in the file alone.</summary>
    Unused,
}

/// <summary>What becomes of one tensor when a run starts from weights.</summary>
/// <param name="Name">Its name in open_clip's state dict.</param>
/// <param name="Origin">Where its values come from.</param>
/// <param name="From">Its shape in the file; null where it is not there.</param>
/// <param name="To">Its shape in the model; null where it is not there.</param>
/// <param name="Note">How it was resized, or why it is fresh.</param>
public sealed record TensorStart(string Name, TensorOrigin Origin, IReadOnlyList<long>? From, IReadOnlyList<long>? To, string? Note = null)
{
    public override string ToString() =>
        Origin == TensorOrigin.Resized ? $"{Name} [{string.Join(", ", From!)}] → [{string.Join(", ", To!)}], {Note}"
        : Note is null ? Name
        : $"{Name} ({Note})";
}
