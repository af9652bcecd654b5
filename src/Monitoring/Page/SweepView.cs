namespace ClipTrain.Monitoring.Page;

/// <summary>A sweep as the page shows it.</summary>
/// <param name="Name">The sweep's name.</param>
/// <param name="X">Name of the trials' cost.</param>
/// <param name="Y">Name of their error.</param>
/// <param name="Trials">All trials, in the order of the sweep.</param>
/// <param name="Laws">The law of each group, fitted to its trials that have an error, unless they do not determine one.</param>
/// <param name="Note">Why a law is missing, or why the sweep cannot be read; null otherwise.</param>
public sealed record SweepView(
    string Name,
    string X,
    string Y,
    IReadOnlyList<SweepTrial> Trials,
    IReadOnlyList<SweepLaw> Laws,
    string? Note
);

/// <summary>A trial of a sweep.</summary>
/// <param name="Id">Its id, and the name of its run.</param>
/// <param name="State">Its state in a word.</param>
/// <param name="Choices">Its choices on the axes.</param>
/// <param name="X">Its cost; null if unknown.</param>
/// <param name="Y">Its error; null until it is done.</param>
/// <param name="Predicted">What a law said of it before it started; null if nothing.</param>
/// <param name="Reason">Why it diverged or failed; null otherwise.</param>
public sealed record SweepTrial(string Id, string State, string Choices, double? X, double? Y, SweepBand? Predicted, string? Reason)
{
    /// <summary>The group whose law it belongs to; empty if the sweep has no groups.</summary>
    public string Group { get; init; } = "";
}

/// <summary>A law's curve.</summary>
/// <param name="Group">The group that it describes; empty if the sweep has no groups.</param>
/// <param name="Name">The law's name.</param>
/// <param name="Points">Its values with their 95% intervals, by growing cost.</param>
public sealed record SweepLaw(string Group, string Name, IReadOnlyList<SweepBand> Points);

/// <summary>A law's value at a cost, with an interval.</summary>
public sealed record SweepBand(double X, double Value, double? Low, double? High);

/// <summary>The sweeps that a page shows.</summary>
public interface ISweepSource
{
    /// <summary>The sweeps as they are now; the same list while nothing changes. Called by one thread at a time.</summary>
    IReadOnlyList<SweepView> Read();
}
