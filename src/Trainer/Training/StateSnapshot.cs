using ClipTrain.Torch;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Models;

namespace ClipTrain.Trainer.Training;

/// <summary>A copy of a training state in host memory, to be written as a checkpoint by any thread.</summary>
public sealed class StateSnapshot : IDisposable
{
    internal const string FirstMomentPrefix = "exp_avg.", SecondMomentPrefix = "exp_avg_sq.";

    private readonly torch.Tensor _master, _firstMoment, _secondMoment;
    private readonly IReadOnlyList<NamedTensor> _model, _optimizer;
    private readonly long _samples, _badSamples;
    private readonly double _trainingSeconds;

    /// <summary>Takes over the buffers.</summary>
    internal StateSnapshot(TrainingState state, torch.Tensor master, torch.Tensor firstMoment, torch.Tensor secondMoment)
    {
        (_master, _firstMoment, _secondMoment) = (master, firstMoment, secondMoment);
        (Step, _samples, _badSamples, _trainingSeconds) = (state.Step, state.Samples, state.BadSamples, state.TrainingSeconds);
        _model = Tensors(state.Model.Parameters, master, "");
        _optimizer = [.. Tensors(state.Model.Parameters, firstMoment, FirstMomentPrefix), .. Tensors(state.Model.Parameters, secondMoment, SecondMomentPrefix)];
    }

    public long Step { get; }

    /// <summary>Writes the checkpoint; returns its directory.</summary>
    public string Write(CheckpointDirectory checkpoints, string configHash, string corpusHash, int keep) => checkpoints.Write(
        new CheckpointState(Step, _samples, _badSamples, _trainingSeconds, configHash, corpusHash), _model, _optimizer, keep);

    public void Dispose()
    {
        _master.Dispose();
        _firstMoment.Dispose();
        _secondMoment.Dispose();
    }

    private static List<NamedTensor> Tensors(FlatParameters parameters, torch.Tensor buffer, string prefix) =>
    [
        .. parameters.Specs.OrderBy(spec => spec.Name, StringComparer.Ordinal)
            .Select(spec => new NamedTensor(prefix + spec.Name, spec.Shape, parameters.View(buffer, spec.Name).DataPointer)),
    ];
}
