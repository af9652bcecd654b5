using System.ComponentModel;

namespace ClipTrain.Trainer.Options;

[Description("One training run.")]
public sealed record RunOptions
{
    [Description("Name of the run, and of its directory under output.directory.")]
    public string Name { get; init; } = "run";

    [Description("Seed of all random numbers: initial weights, order of samples, crops.")]
    public ulong Seed { get; init; }

    [Description("The model: a name from configs/models, the path of a YAML file, or the model's own keys.")]
    public required ModelOptions Model { get; init; }

    [Description("The training corpus and data loading.")]
    public required DataOptions Data { get; init; }

    [Description("Batch, length, precision, optimizer and schedule.")]
    public required TrainingOptions Training { get; init; }

    [Description("Workers and their devices.")]
    public ClusterOptions Cluster { get; init; } = new();

    [Description("When to write checkpoints and how many to keep.")]
    public CheckpointOptions Checkpoint { get; init; } = new();

    [Description("Evaluation after training.")]
    public EvaluationOptions Evaluation { get; init; } = new();

    [Description("Alerts during training.")]
    public AlertOptions Alerts { get; init; } = new();

    [Description("Location and form of results.")]
    public OutputOptions Output { get; init; } = new();
}

[Description("Location and form of a run's results.")]
public sealed record OutputOptions
{
    [Description("Folder for run directories.")]
    public string Directory { get; init; } = "runs";

    [Description("Write TensorBoard event files in addition to metrics.jsonl.")]
    public bool Tensorboard { get; init; } = true;

    [Description("Serve the live page on loopback while the run is active.")]
    public bool Page { get; init; } = true;

    [Description(
        "Address of an OpenTelemetry collector, as in http://localhost:4317, that receives metrics and "
            + "traces of the run and metrics of Orleans by OTLP; none if empty."
    )]
    public string Otlp { get; init; } = "";

    [Description("Write the log as JSON lines to run.log.jsonl in addition to run.log.")]
    public bool LogJson { get; init; }

    [Description("Number of steps between lines of metrics.jsonl."), Minimum(1)]
    public int LogEverySteps { get; init; } = 1;
}

[Description("Alerts during training.")]
public sealed record AlertOptions
{
    [Description(
        "Check every step for a rising loss, a loss at chance level, exploding gradients, a logit scale at its "
            + "bound, collapsing embeddings, a tower without gradient, a tower that does not move, waits for data, slow ranks, "
            + "truncated captions, bad samples, a disk that fills up and a run that stalls. Alerts appear in the log and on the live page."
    )]
    public bool Enabled { get; init; } = true;

    [Description(
        "Program to start at each alert, with the run's name, the step, the kind of alert and its text as arguments; none if empty."
    )]
    public string Command { get; init; } = "";

    [Description("URL to which each alert is posted as JSON; none if empty.")]
    public string Webhook { get; init; } = "";

    [Description("Alert if the disk of the run's directory has less than this many gigabytes free."), Minimum(0)]
    public double MinFreeGigabytes { get; init; } = 2;

    [Description("Alert if no step was recorded for this many minutes."), Minimum(0.1)]
    public double NoProgressMinutes { get; init; } = 10;
}

[Description("Checkpoints. One is also written at the end, on Ctrl-C or SIGTERM, and by a surviving worker when another is lost.")]
public sealed record CheckpointOptions
{
    [Description("Number of steps between checkpoints; 0: not by steps."), Minimum(0)]
    public long EverySteps { get; init; }

    [Description("Number of minutes between checkpoints; 0: not by minutes."), Minimum(0)]
    public double EveryMinutes { get; init; } = 10;

    [
        Description(
            "Number of checkpoints to keep; older ones are deleted. With rollbacks, those that the run may have to go back to stay as "
                + "well."
        ),
        Minimum(1)
    ]
    public int Keep { get; init; } = 2;

    [
        Description(
            "Number of times that the run answers divergence (a loss or gradient that is not "
                + "finite, or the alert loss-spike) by going back to the last checkpoint before it and passing over the "
                + "batches at which the run diverged; 0 leaves it to you."
        ),
        Minimum(0),
        Maximum(100)
    ]
    public int Rollbacks { get; init; }
}
