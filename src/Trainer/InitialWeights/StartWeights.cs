using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using ClipTrain.Weights.Tensors;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.InitialWeights;

/// <summary>The opened initial weights of a run.</summary>
public sealed class StartWeights : IDisposable
{
    private readonly RunOptions _run;
    private readonly IWeights _weights;
    private readonly StartPlan _plan;

    /// <param name="run">A run with training.start_from.</param>
    /// <exception cref="WeightsException">The weights cannot be read, or do not fit the model.</exception>
    public StartWeights(RunOptions run)
    {
        var source = WeightSource.Open(run.Training.StartFrom!, run.Model.Activation);
        (_run, _weights) = (run, source.Weights);
        try
        {
            _plan = new StartPlan(run, _weights, source.Merges);
        }
        catch
        {
            _weights.Dispose();
            throw;
        }
    }

    /// <summary>Examines the weights that a run starts from; null if it starts from none.</summary>
    /// <inheritdoc cref="Examine()" path="/exception"/>
    public static StartReport? Examine(RunOptions run)
    {
        if (run.Training.StartFrom is null)
        {
            return null;
        }

        using var weights = new StartWeights(run);
        return weights.Examine();
    }

    /// <summary>Reads all tensors that are used and reports on them.</summary>
    /// <exception cref="WeightsException">The weights cannot be read, or differ from those with which the run began.</exception>
    public StartReport Examine() => new(_weights.Path, Read((_, _) => { }), _plan.Tensors);

    /// <summary>
    /// Overwrites a host copy of a model's master weights with the tensors taken from the file; rounds to nearest where weights are
    /// bf16.
    /// </summary>
    /// <inheritdoc cref="Examine()" path="/exception"/>
    public void LoadInto(FlatParameters layout, MasterWeights weights)
    {
        using var guard = no_grad();
        Read(
            (start, numbers) =>
            {
                using var scope = NewDisposeScope();
                var kept = layout.View(weights, start.Name);
                var place = kept.to(float32);
                if (start.Origin == TensorOrigin.Loaded)
                {
                    numbers.CopyTo(place.AsSpan<float>());
                }
                else if (start.Name == StartPlan.TokenTable)
                {
                    _plan.Rows!.Copy(numbers, place.AsSpan<float>(), (int)start.To![1]);
                }
                else if (start.Name == TextPositions.Name)
                {
                    TextPositions.Resize(numbers, place.AsSpan<float>(), (int)start.To![1]);
                }
                else
                {
                    place.copy_(PositionTable.Resize(tensor(numbers, [.. start.From!]), start.To![0]));
                }

                kept.copy_(place);
            }
        );
    }

    public void Dispose() => _weights.Dispose();

    /// <summary>Reads the tensors that are used, in the order of their names. Returns the SHA-256 of names and values.</summary>
    private string Read(Action<TensorStart, float[]> use)
    {
        using var hash = new WeightHash();
        foreach (var start in _plan.Tensors.Where(start => start.Origin is TensorOrigin.Loaded or TensorOrigin.Resized))
        {
            var numbers = new float[start.From!.Aggregate(1L, (product, size) => product * size)];
            _weights.Read(start.Name, numbers);
            hash.Add(start.Name, numbers);
            use(start, numbers);
        }

        var found = hash.Finish();
        return _run.Training.StartFromSha256 is not { } expected || found == expected
            ? found
            : throw new WeightsException(
                $"{_weights.Path}: differs from the weights with which the run began (training.start_from_sha256) "
                    + $"({found[..12]}…, not {expected[..Math.Min(12, expected.Length)]}…). Restore them, or start a new run."
            );
    }
}
