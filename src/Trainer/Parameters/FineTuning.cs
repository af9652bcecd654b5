using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Parameters;

/// <summary>Applies the options that concern individual parameters: locking, layer-wise rates, bf16 weights.</summary>
public static class FineTuning
{
    /// <summary>The parameter with the options applied to it.</summary>
    public static ParameterSpec Apply(ParameterSpec spec, ModelOptions model, TrainingOptions training)
    {
        if (TowerGroups.Of(model, spec.Name) is not { } owner)
        {
            return spec;
        }

        var isLocked = owner.Group < LockedGroups(model, training, owner.Tower);
        return spec with
        {
            IsLocked = isLocked,
            RateFactor = RateFactor(model, training, owner.Tower, owner.Group),
            // Gains and biases are a thousandth of the weights, and bf16 cannot represent small changes of a gain near one.
            IsNarrow = owner.Tower == Tower.Text && training.TextWeights == WeightType.Bf16 && spec.Decays && !isLocked,
        };
    }

    /// <summary>
    /// Learning rate factor of a group: the decay to the power of the number of groups after it. The last group has the full rate
    /// and the stem the lowest (BEiT, arXiv 2106.08254, appendix; MAE, arXiv 2111.06377, appendix A).
    /// </summary>
    public static double RateFactor(ModelOptions model, TrainingOptions training, Tower tower, int group) =>
        Math.Pow(tower == Tower.Image ? training.LayerDecay.Image : training.LayerDecay.Text, TowerGroups.Count(model, tower) - 1 - group);

    /// <summary>Number of locked groups at the beginning of a tower.</summary>
    public static int LockedGroups(ModelOptions model, TrainingOptions training, Tower tower)
    {
        var unlocked = tower == Tower.Image ? training.UnlockedGroups.Image : training.UnlockedGroups.Text;
        return unlocked is { } count ? TowerGroups.Count(model, tower) - count : 0;
    }
}
