namespace ClipTrain.Experiments.Sweeps;

/// <summary>What a sweep's budget counts.</summary>
public enum BudgetUnit
{
    Samples,
    Steps,
    Epochs,
    Flops,
}

/// <summary>How long the trials are: one after another for each amount.</summary>
/// <param name="Warmup">Share of the steps that warms up; null leaves training.warmup_steps.</param>
public sealed record Budget(BudgetUnit Unit, IReadOnlyList<double> Amounts, double? Warmup);

/// <summary>A choice of an axis: keys of the run file with their values, as YAML on one line.</summary>
/// <param name="Label">What tables call it.</param>
public sealed record Choice(string Label, IReadOnlyList<KeyValuePair<string, string>> Values);

/// <summary>An axis of a sweep. Keys of one axis go together, axes are combined with each other.</summary>
/// <param name="Name">Its column in tables.</param>
/// <param name="Choices">In the order of the file.</param>
/// <param name="When">Choices of other axes for which the axis is there; else its keys stay as they are.</param>
public sealed record SweepAxis(string Name, IReadOnlyList<Choice> Choices, IReadOnlyList<KeyValuePair<string, string>> When);

/// <summary>How the learning rate follows the model.</summary>
public abstract record RateRule
{
    /// <summary>rate · at / (value of a key): as μP has it for the hidden matrices under Adam (Yang et al. 2022).</summary>
    public sealed record Width(double Rate, double At, string Key) : RateRule;

    /// <summary>A power law of the number of parameters, through the best rates of the sizes in a table of results.</summary>
    public sealed record Fitted(string Results) : RateRule;
}

/// <summary>Trials that are predicted from the others before they are started.</summary>
/// <param name="Law">The law that predicts.</param>
/// <param name="Trials">Choices by axis; a trial that matches one of them is held out.</param>
public sealed record HeldOut(string Law, IReadOnlyList<IReadOnlyList<KeyValuePair<string, string>>> Trials);

/// <summary>A sweep as its file says it.</summary>
public sealed record Sweep
{
    /// <summary>The file.</summary>
    public required string Path { get; init; }

    public required string Name { get; init; }

    /// <summary>The run file that all trials begin from.</summary>
    public required string Base { get; init; }

    /// <summary>Keys that all trials change in it.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Set { get; init; } = [];

    public required IReadOnlyList<SweepAxis> Axes { get; init; }

    public Budget? Budget { get; init; }

    public RateRule? Rate { get; init; }

    /// <summary>Combinations that are left out.</summary>
    public IReadOnlyList<IReadOnlyList<KeyValuePair<string, string>>> Exclude { get; init; } = [];

    /// <summary>The figure whose distance from 1 is the error, as in heldout-vendor.image_to_text.r1; or loss.</summary>
    public string Metric { get; init; } = "loss";

    /// <summary>Cores of one trial.</summary>
    public int Cores { get; init; } = 1;

    /// <summary>How often a failed trial is tried again.</summary>
    public int Retries { get; init; } = 1;

    /// <summary>True to end the sweep with the first trial that has failed for good.</summary>
    public bool FailFast { get; init; }

    public HeldOut? Predict { get; init; }

    /// <summary>The sweep's folder.</summary>
    public string Folder { get; init; } = "";
}
