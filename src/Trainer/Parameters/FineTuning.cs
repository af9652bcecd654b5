using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Parameters;

/// <summary>What a run's options say of how single parameters are trained.</summary>
public static class FineTuning
{
    /// <summary>The parameter with what the options say of it.</summary>
    public static ParameterSpec Apply(ParameterSpec spec, ModelOptions model, TrainingOptions training)
    {
        if (TowerGroups.Of(model, spec.Name) is not { } place)
            return spec;
        var isLocked = place.Group < LockedGroups(model, training, place.Tower);
        return spec with
        {
            IsLocked = isLocked,
            RateFactor = RateFactor(model, training, place.Tower, place.Group),
            // Gains and biases are a thousandth of the weights, and bf16 has no room for small changes of a gain near one.
            IsNarrow = place.Tower == Tower.Text && training.TextWeights == WeightType.Bf16 && spec.Decays && !isLocked,
        };
    }

    /// <summary>
    /// A group's factor on the learning rate: the decay to the power of the groups behind it, so that what makes the embedding
    /// has the full rate and the stem the least (BEiT, arXiv 2106.08254, appendix; MAE, arXiv 2111.06377, appendix A).
    /// </summary>
    public static double RateFactor(ModelOptions model, TrainingOptions training, Tower tower, int group) =>
        Math.Pow(tower == Tower.Image ? training.LayerDecay.Image : training.LayerDecay.Text, TowerGroups.Count(model, tower) - 1 - group);

    /// <summary>How many groups of a tower, from its beginning, are left as they are.</summary>
    public static int LockedGroups(ModelOptions model, TrainingOptions training, Tower tower)
    {
        var unlocked = tower == Tower.Image ? training.UnlockedGroups.Image : training.UnlockedGroups.Text;
        return unlocked is { } count ? TowerGroups.Count(model, tower) - count : 0;
    }
}
