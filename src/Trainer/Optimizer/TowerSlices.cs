using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;

namespace ClipTrain.Trainer.Optimizer;

/// <summary>The parts of the layout that hold a tower's trained parameters.</summary>
internal static class TowerSlices
{
    /// <summary>The parts of a tower, adjacent ones merged; none if it is locked.</summary>
    public static FlatSlice[] Of(FlatParameters parameters, ModelOptions model, Tower tower)
    {
        var slices = new List<FlatSlice>();
        foreach (var spec in parameters.Specs.Where(spec => spec is { IsLocked: false, IsStatistic: false }))
        {
            if (TowerGroups.Of(model, spec.Name)?.Tower != tower)
            {
                continue;
            }

            var slice = parameters.SliceOf(spec.Name);
            if (slices.Count > 0 && slices[^1].End == slice.Offset)
            {
                slices[^1] = slices[^1] with { Length = slices[^1].Length + slice.Length };
            }
            else
            {
                slices.Add(slice);
            }
        }

        return [.. slices];
    }
}
