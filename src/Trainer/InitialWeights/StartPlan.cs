using ClipTrain.DataPipeline.Text;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Trainer.InitialWeights;

/// <summary>Decides, from names and shapes alone, which tensors of training.start_from a run loads.</summary>
public sealed class StartPlan
{
    /// <summary>Name of the token table.</summary>
    public const string TokenTable = "token_embedding.weight";

    private readonly RunOptions _run;
    private readonly IWeights _weights;
    private readonly MergeList? _sourceMerges;
    private readonly List<string> _misfits = [];

    /// <param name="run">The run.</param>
    /// <param name="weights">The initial weights.</param>
    /// <param name="sourceMerges">Vocabulary of their token table; null if unknown.</param>
    /// <exception cref="WeightsException">The weights do not fit. The message lists every mismatched tensor with both shapes.</exception>
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
        {
            throw new WeightsException(
                $"{weights.Path}: does not fit the model. {string.Join("; ", _misfits)}. Change the model, or keep such tensors at "
                    + "their initial values with training.start_from_except."
            );
        }

        if (!Tensors.Any(start => start.Origin is TensorOrigin.Loaded or TensorOrigin.Resized))
        {
            throw new WeightsException(
                $"{weights.Path}: has no tensor of this model. It has "
                    + $"{string.Join(", ", weights.Shapes.Keys.Order(StringComparer.Ordinal).Take(4))}…; the model has "
                    + $"{string.Join(", ", names.Order(StringComparer.Ordinal).Take(4))}…."
            );
        }
    }

    /// <summary>Tensors of the model by name, followed by those that only the file has.</summary>
    public IReadOnlyList<TensorStart> Tensors { get; }

    /// <summary>Rows to take from the token table, if the vocabularies are known and differ.</summary>
    public TokenRows? Rows { get; private set; }

    private TensorStart Decide(ParameterSpec spec)
    {
        TensorStart Start(TensorOrigin origin, string? note = null) =>
            new(spec.Name, origin, _weights.Shapes.GetValueOrDefault(spec.Name), spec.Shape, note);
        if (_run.Training.StartFromExcept.Any(prefix => spec.Name.StartsWith(prefix, StringComparison.Ordinal)))
        {
            return Start(TensorOrigin.Fresh, "training.start_from_except");
        }

        if (!_weights.Shapes.TryGetValue(spec.Name, out var shape))
        {
            if (spec.IsLocked)
            {
                _misfits.Add($"{spec.Name} is locked by training.unlocked_groups, but is not in the file");
            }

            return Start(TensorOrigin.Fresh, "not in the file");
        }

        if (spec.Name == TokenTable && shape.Count == 2 && shape[1] == spec.Shape[1])
        {
            return DecideTokens(Start, shape[0], spec.Shape[0]);
        }

        if (shape.SequenceEqual(spec.Shape) || (spec.Count == 1 && shape.All(size => size == 1)))
        {
            return Start(TensorOrigin.Loaded);
        }

        if (PositionTable.IsOtherResolution(spec, shape))
        {
            return Start(TensorOrigin.Resized, "bicubic");
        }

        if (spec.Name == TextPositions.Name && shape.Count == 2 && shape[1] == spec.Shape[1])
        {
            return Start(TensorOrigin.Resized, shape[0] > spec.Shape[0] ? "the first rows" : "linear");
        }

        _misfits.Add($"{spec.Name} is [{string.Join(", ", shape)}], the model's is [{string.Join(", ", spec.Shape)}]");
        return Start(TensorOrigin.Fresh);
    }

    private TensorStart DecideTokens(Func<TensorOrigin, string?, TensorStart> start, long rows, long modelRows)
    {
        // A file that belongs to no run has no vocabulary; if the number of rows matches, the tokens are assumed to match.
        if (_sourceMerges is null || _sourceMerges.VocabularySize != rows)
        {
            return rows == modelRows
                ? start(TensorOrigin.Loaded, null)
                : start(TensorOrigin.Fresh, $"{rows} rows of an unknown vocabulary");
        }

        var merges = MergeList.Named(_run.Data.Merges);
        if (TokenRows.AreSame(_sourceMerges, merges))
        {
            return start(TensorOrigin.Loaded, null);
        }

        Rows = TokenRows.Match(_sourceMerges, merges);
        return start(TensorOrigin.Resized, $"{Rows.Shared} of {Rows.Count} rows by the tokens' text");
    }

    private void CheckExceptions(ParameterSpec[] specs)
    {
        foreach (var prefix in _run.Training.StartFromExcept)
        {
            if (!specs.Any(spec => spec.Name.StartsWith(prefix, StringComparison.Ordinal)))
            {
                throw new WeightsException(
                    $"training.start_from_except contains '{prefix}', but no tensor of the model begins with it. The model has "
                        + $"{string.Join(", ", specs.Select(spec => spec.Name).Order(StringComparer.Ordinal).Take(8))}…."
                );
            }
        }
    }
}

/// <summary>Origin of a tensor's initial values.</summary>
public enum TensorOrigin
{
    /// <summary>The file, unchanged.</summary>
    Loaded,

    /// <summary>The file, resized for another resolution, context or vocabulary.</summary>
    Resized,

    /// <summary>Drawn from the run's seed.</summary>
    Fresh,

    /// <summary>Not used: only the file has the tensor.</summary>
    Unused,
}

/// <summary>Treatment of one tensor when a run starts from weights.</summary>
/// <param name="Name">Name in open_clip's state dict.</param>
/// <param name="Origin">Origin of its values.</param>
/// <param name="From">Shape in the file; null if the file does not have it.</param>
/// <param name="To">Shape in the model; null if the model does not have it.</param>
/// <param name="Note">Method of resizing, or reason for fresh values.</param>
public sealed record TensorStart(string Name, TensorOrigin Origin, IReadOnlyList<long>? From, IReadOnlyList<long>? To, string? Note = null)
{
    public override string ToString() =>
        Origin == TensorOrigin.Resized ? $"{Name} [{string.Join(", ", From!)}] → [{string.Join(", ", To!)}], {Note}"
        : Note is null ? Name
        : $"{Name} ({Note})";
}
