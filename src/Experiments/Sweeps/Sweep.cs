namespace ClipTrain.Experiments.Sweeps;

/// <summary>Unit of a sweep's budget.</summary>
public enum BudgetUnit
{
    Samples,
    Steps,
    Epochs,
    Flops,
}

/// <summary>Length of trials; each amount gives separate trials.</summary>
/// <param name="Warmup">Fraction of the steps for warm-up; null to keep training.warmup_steps.</param>
public sealed record Budget(BudgetUnit Unit, IReadOnlyList<double> Amounts, double? Warmup);

/// <summary>A choice on an axis: run file keys with their values as single-line YAML.</summary>
/// <param name="Label">Name in tables.</param>
public sealed record Choice(string Label, IReadOnlyList<KeyValuePair<string, string>> Values);

/// <summary>An axis of a sweep. Keys of one axis vary together; axes are combined.</summary>
/// <param name="Name">Name of its column in tables.</param>
/// <param name="Choices">Choices in the order of the file.</param>
/// <param name="When">Choices on other axes for which this axis applies; otherwise its keys do not change.</param>
public sealed record SweepAxis(string Name, IReadOnlyList<Choice> Choices, IReadOnlyList<KeyValuePair<string, string>> When);

/// <summary>Rule for the learning rate of a model.</summary>
public abstract record RateRule
{
    /// <summary>rate · at / (value of a key), as in μP for hidden matrices with Adam (Yang et al. 2022).</summary>
    public sealed record Width(double Rate, double At, string Key) : RateRule;

    /// <summary>A power law of the number of parameters, fitted to the best rates by size in a results table.</summary>
    public sealed record Fitted(string Results) : RateRule;
}

/// <summary>Trials to predict from the others before they start.</summary>
/// <param name="Law">The law for predictions.</param>
/// <param name="Trials">Choices by axis. Trials that match one of them are held out.</param>
public sealed record HeldOut(string Law, IReadOnlyList<IReadOnlyList<KeyValuePair<string, string>>> Trials);

/// <summary>A comparison of what the choices of an axis need for the same accuracy.</summary>
/// <param name="Axis">The axis.</param>
/// <param name="Reference">The choice that the others are compared with.</param>
/// <param name="By">What they need of.</param>
/// <param name="Accuracies">Accuracies to reach; empty for the highest that every choice reaches.</param>
public sealed record EfficiencyAxis(string Axis, string Reference, EfficiencyUnit By, IReadOnlyList<double> Accuracies);

/// <summary>What an efficiency is measured in.</summary>
public enum EfficiencyUnit
{
    /// <summary>Samples seen.</summary>
    Samples,

    /// <summary>Floating-point operations of training.</summary>
    Compute,
}

/// <summary>A sweep file.</summary>
public sealed record Sweep
{
    /// <summary>The metric of sweeps that name none.</summary>
    public const string TrainingLoss = "loss";

    /// <summary>The file.</summary>
    public required string Path { get; init; }

    public required string Name { get; init; }

    /// <summary>The run file that all trials are based on.</summary>
    public required string Base { get; init; }

    /// <summary>Run file keys that all trials change.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Set { get; init; } = [];

    public required IReadOnlyList<SweepAxis> Axes { get; init; }

    public Budget? Budget { get; init; }

    public RateRule? Rate { get; init; }

    /// <summary>Combinations to exclude.</summary>
    public IReadOnlyList<IReadOnlyList<KeyValuePair<string, string>>> Exclude { get; init; } = [];

    /// <summary>
    /// The figure whose distance from 1 is the error, such as heldout-vendor.image_to_text.r1; or a loss, which is the error: that of
    /// training, or a split's, such as heldout-vendor.loss.
    /// </summary>
    public string Metric { get; init; } = TrainingLoss;

    /// <summary>True if every evaluated step of a trial is a result, not only its end.</summary>
    public bool Curve { get; init; }

    /// <summary>Number of cores of a trial that computes on cores.</summary>
    public int Cores { get; init; } = 1;

    /// <summary>Number of retries of a failed trial.</summary>
    public int Retries { get; init; } = 1;

    /// <summary>True to end the sweep when the first trial fails for good.</summary>
    public bool FailFast { get; init; }

    public HeldOut? Predict { get; init; }

    public EfficiencyAxis? Efficiency { get; init; }

    /// <summary>What the error is, for the axis of a chart.</summary>
    public string ErrorName => IsLoss ? Metric : $"1 - {Metric}";

    /// <summary>True if the metric itself is the error.</summary>
    public bool IsLoss => Metric == TrainingLoss || Metric.EndsWith(".loss", StringComparison.Ordinal);

    /// <summary>Number of cores or GPUs that a trial needs.</summary>
    public int DevicesOf(Trial trial) => trial.Resolved.Gpus > 0 ? trial.Resolved.Gpus : Cores;

    /// <summary>The sweep's folder.</summary>
    public string Folder { get; init; } = "";
}
