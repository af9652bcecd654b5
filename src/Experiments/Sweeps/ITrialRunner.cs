namespace ClipTrain.Experiments.Sweeps;

/// <summary>Runs one trial to its end, or goes on with one that was interrupted.</summary>
public interface ITrialRunner
{
    /// <param name="trial">The trial.</param>
    /// <param name="cores">Numbers of the cores that it may use.</param>
    /// <param name="stop">Asks it to stop at a checkpoint.</param>
    Task<TrialEnd> RunAsync(Trial trial, IReadOnlyList<int> cores, CancellationToken stop);
}

/// <summary>How an attempt at a trial has ended.</summary>
public abstract record TrialEnd
{
    /// <summary>With results: figures by name.</summary>
    public sealed record Done(IReadOnlyDictionary<string, double> Figures) : TrialEnd;

    /// <summary>With a loss that is not finite.</summary>
    public sealed record Diverged(string Reason) : TrialEnd;

    /// <summary>Without results.</summary>
    public sealed record Failed(string Reason) : TrialEnd;

    /// <summary>At a checkpoint, as asked.</summary>
    public sealed record Stopped : TrialEnd;
}
