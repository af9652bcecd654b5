using ClipTrain.Trainer.Config;

namespace ClipTrain.Trainer.Models;

/// <summary>What a run's options say of how single parameters are trained.</summary>
public static class FineTuning
{
    /// <summary>The parameter with what the options say of it.</summary>
    public static ParameterSpec Apply(ParameterSpec spec, ModelOptions model, TrainingOptions training)
    {
        if (TowerGroups.Of(model, spec.Name) is not { } place)
            return spec;
        return spec with { IsLocked = place.Group < LockedGroups(model, training, place.Tower) };
    }

    /// <summary>How many groups of a tower, from its beginning, are left as they are.</summary>
    public static int LockedGroups(ModelOptions model, TrainingOptions training, Tower tower)
    {
        var unlocked = tower == Tower.Image ? training.UnlockedGroups.Image : training.UnlockedGroups.Text;
        return unlocked is { } count ? TowerGroups.Count(model, tower) - count : 0;
    }
}
