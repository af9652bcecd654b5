using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.State;

/// <summary>
/// Loss scale that lifts small gradients into the range of fp16 (Micikevicius et al. 2018, arXiv 1710.03740, section 3.2). A power
/// of two, so that unscaling is exact. Doubles after a number of steps without overflow and halves at each overflow.
/// </summary>
/// <param name="Factor">The scale; 1 if the loss is not scaled.</param>
/// <param name="CleanSteps">Updates since the scale last changed.</param>
public readonly record struct LossScale(double Factor, long CleanSteps)
{
    private const double First = 65_536,
        Largest = 16_777_216;

    /// <summary>Updates without overflow after which the scale doubles.</summary>
    private const long Stretch = 2_000;

    /// <summary>Initial scale: only fp16 needs one.</summary>
    public static LossScale Of(Precision precision) => new(precision == Precision.Fp16 ? First : 1, 0);

    /// <summary>True if an overflow may be due to the scale. At 1 the gradients themselves overflow.</summary>
    public bool CanShrink => Factor > 1;

    public LossScale AfterOverflow() => new(Factor / 2, 0);

    public LossScale AfterUpdate() =>
        CleanSteps + 1 < Stretch ? this with { CleanSteps = CleanSteps + 1 } : new(Math.Min(Factor * 2, Largest), 0);
}
