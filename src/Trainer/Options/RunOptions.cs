using System.ComponentModel;

namespace ClipTrain.Trainer.Options;

[Description("One training run.")]
public sealed record RunOptions
{
    [Description("The run's name; its directory under output.directory is called so.")]
    public string Name { get; init; } = "run";

    [Description("Seed of everything random: initial weights, order of samples, crops.")]
    public ulong Seed { get; init; }

    [Description("The model: a name from configs/models, the path of a YAML file, or the model's keys themselves.")]
    public required ModelOptions Model { get; init; }

    [Description("The training corpus and how it is read.")]
    public required DataOptions Data { get; init; }

    [Description("Batch, length, precision, optimizer and schedule.")]
    public required TrainingOptions Training { get; init; }

    [Description("Workers and the devices that they use.")]
    public ClusterOptions Cluster { get; init; } = new();

    [Description("When checkpoints are written and how many are kept.")]
    public CheckpointOptions Checkpoint { get; init; } = new();

    [Description("What is measured when training has ended.")]
    public EvaluationOptions Evaluation { get; init; } = new();

    [Description("What a run warns of while it trains.")]
    public AlertOptions Alerts { get; init; } = new();

    [Description("Where results go.")]
    public OutputOptions Output { get; init; } = new();
}

[Description("Where a run's files go.")]
public sealed record OutputOptions
{
    [Description("Folder that holds the run directories.")]
    public string Directory { get; init; } = "runs";

    [Description("Write TensorBoard event files beside metrics.jsonl.")]
    public bool Tensorboard { get; init; } = true;

    [Description("Serve the live page on loopback while the run is hosted.")]
    public bool Page { get; init; } = true;

    [Description(
        "Address of an OpenTelemetry collector, as in http://localhost:4317, that gets the run's figures and Orleans' own by OTLP; none "
            + "when empty."
    )]
    public string Otlp { get; init; } = "";

    [Description("Write a metrics line every so many steps."), Minimum(1)]
    public int LogEverySteps { get; init; } = 1;
}

[Description("What a run warns of while it trains.")]
public sealed record AlertOptions
{
    [Description(
        "Look at every step for a rising loss, a loss of chance, exploding gradients, the logit scale at its bound, waits for data, slow "
            + "ranks, captions that are cut, bad samples, a disk that fills up and a run that stands still. Alerts are lines of the "
            + "log and of the live page."
    )]
    public bool Enabled { get; init; } = true;

    [Description(
        "A program that is started at each alert with the run's name, the step, the alert's kind and its text as arguments; none when "
            + "empty."
    )]
    public string Command { get; init; } = "";

    [Description("An address that each alert is posted to as JSON; none when empty.")]
    public string Webhook { get; init; } = "";

    [Description("Alert when the disk of the run's directory has less than so many gigabytes free."), Minimum(0)]
    public double MinFreeGigabytes { get; init; } = 2;

    [Description("Alert when no step was recorded for so many minutes."), Minimum(0.1)]
    public double NoProgressMinutes { get; init; } = 10;
}

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
