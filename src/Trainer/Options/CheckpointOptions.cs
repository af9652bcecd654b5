using System.ComponentModel;

namespace ClipTrain.Trainer.Options;

[Description("Checkpoints. One is also written at the end, on Ctrl-C or SIGTERM, and by a survivor when a worker is lost.")]
public sealed record CheckpointOptions
{
    [Description("A checkpoint every so many steps; 0 for none."), Minimum(0)]
    public long EverySteps { get; init; }

    [Description("A checkpoint every so many minutes; 0 for none."), Minimum(0)]
    public double EveryMinutes { get; init; } = 10;

    [Description("How many checkpoints are kept; the newest stay."), Minimum(1)]
    public int Keep { get; init; } = 2;
}
