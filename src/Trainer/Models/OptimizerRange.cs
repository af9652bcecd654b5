namespace ClipTrain.Trainer.Models;

/// <summary>A range of the flat buffers whose elements the optimizer treats alike.</summary>
public sealed record OptimizerRange(long Offset, long Length, bool Decays, bool InComputeType, bool IsStatistic);
