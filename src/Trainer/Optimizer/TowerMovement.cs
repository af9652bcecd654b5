using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Optimizer;

/// <summary>
/// How far each tower's trained weights move between measurements: the norm of their change relative to their own, over some thousand
/// weights spread evenly over the tower. Weights that something puts back do not move, although they get gradients.
/// </summary>
internal sealed class TowerMovement : IDisposable
{
    private const long Samples = 4096;

    private readonly MasterWeights _weights;
    private readonly FlatSlice[][] _slices;
    private readonly Tensor?[] _last;

    public TowerMovement(FlatParameters parameters, ModelOptions model)
    {
        _weights = parameters.Weights;
        _slices = [.. Enum.GetValues<Tower>().Select(tower => TowerSlices.Of(parameters, model, tower))];
        _last = new Tensor?[_slices.Length];
    }

    /// <summary>Movements by <see cref="Tower"/> since the call before; null at the first call, and for a tower that is locked.</summary>
    public double?[] Measure() => [.. _slices.Select((slices, tower) => slices.Length > 0 ? Measure(slices, ref _last[tower]) : null)];

    public void Dispose()
    {
        foreach (var sample in _last)
        {
            sample?.Dispose();
        }
    }

    private double? Measure(FlatSlice[] slices, ref Tensor? last)
    {
        using var guard = no_grad();
        using var scope = NewDisposeScope();
        var stride = Math.Max(1, slices.Sum(slice => slice.Length) / Samples);
        var now = cat([.. slices.SelectMany(slice => Every(stride, slice))]).DetachFromDisposeScope();
        double? movement = null;
        if (last is not null && now.norm().item<float>() is > 0 and var size)
        {
            movement = (now - last).norm().item<float>() / size;
        }

        last?.Dispose();
        last = now;
        return movement;
    }

    private IEnumerable<Tensor> Every(long stride, FlatSlice slice) =>
        from part in _weights.Parts
        let common = part.Slice.Intersect(slice)
        where common.Length > 0
        select common.From(part.Slice.Offset).Of(part.Weights).slice(0, 0, common.Length, stride).to(float32).cpu();
}
