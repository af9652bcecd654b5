using System.ComponentModel;

namespace ClipTrain.Trainer.Options;

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
