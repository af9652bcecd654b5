using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.State;

/// <summary>
/// The factor on the loss that lifts small gradients into fp16's range (Micikevicius et al. 2018, arXiv 1710.03740, section 3.2),
/// a power of two, so that dividing by it again is exact. It doubles after a stretch of steps without overflow and halves with
/// each overflow.
/// </summary>
/// <param name="Factor">1 where nothing is scaled.</param>
/// <param name="CleanSteps">Updates since it last changed.</param>
public readonly record struct LossScale(double Factor, long CleanSteps)
{
    private const double First = 65_536,
        Largest = 16_777_216;

    /// <summary>Updates after which it doubles.</summary>
    private const long Stretch = 2_000;

    /// <summary>What a run begins with: only fp16 is short of small numbers.</summary>
    public static LossScale Of(Precision precision) => new(precision == Precision.Fp16 ? First : 1, 0);

    /// <summary>Whether an overflow can be the scale's doing: without one the gradients themselves overflow.</summary>
    public bool CanShrink => Factor > 1;

    public LossScale AfterOverflow() => new(Factor / 2, 0);

    public LossScale AfterUpdate() =>
        CleanSteps + 1 < Stretch ? this with { CleanSteps = CleanSteps + 1 } : new(Math.Min(Factor * 2, Largest), 0);
}
