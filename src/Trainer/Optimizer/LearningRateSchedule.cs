namespace ClipTrain.Trainer.Optimizer;

/// <summary>Linear warm-up to the peak rate, then cosine decay to zero (CLIP paper, section 2.5).</summary>
public sealed record LearningRateSchedule(double Peak, long WarmupSteps, long TotalSteps)
{
    /// <summary>Rate of a step, counted from 0. The first of w warm-up steps has 1/w of the peak, as in open_clip.</summary>
    public double At(long step)
    {
        if (step < WarmupSteps)
        {
            return Peak * (step + 1) / WarmupSteps;
        }

        var decaySteps = Math.Max(1, TotalSteps - WarmupSteps);
        var progress = Math.Min(1, (double)(step - WarmupSteps) / decaySteps);
        return Peak * 0.5 * (1 + Math.Cos(Math.PI * progress));
    }
}
