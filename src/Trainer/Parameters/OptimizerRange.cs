namespace ClipTrain.Trainer.Parameters;

/// <summary>A range of the flat buffers whose elements the optimizer treats alike.</summary>
public sealed record OptimizerRange(long Offset, long Length, bool Decays, bool InComputeType, bool IsStatistic)
{
    /// <summary>Factor on the learning rate.</summary>
    public double RateFactor { get; init; } = 1;

    /// <summary>Whether the weights are kept in bf16, to which an update rounds them stochastically.</summary>
    public bool IsNarrow { get; init; }
}
