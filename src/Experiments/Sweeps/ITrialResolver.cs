namespace ClipTrain.Experiments.Sweeps;

/// <summary>Makes a trial's configuration of the base run file and the keys that it changes.</summary>
public interface ITrialResolver
{
    /// <param name="values">Keys with their values, as YAML on one line.</param>
    /// <exception cref="ExperimentException">A key is none of the run file, or a value cannot be used.</exception>
    ResolvedTrial Resolve(IReadOnlyList<KeyValuePair<string, string>> values);
}

/// <summary>A trial's configuration, and what follows from it.</summary>
/// <param name="Config">All keys, as YAML; without the trial's name and place.</param>
public sealed record ResolvedTrial(string Config)
{
    /// <summary>Trained values of the model.</summary>
    public required long Parameters { get; init; }

    /// <summary>Multiply-accumulates of a forward pass for one pair.</summary>
    public required long Macs { get; init; }

    public required int GlobalBatch { get; init; }

    /// <summary>Length in steps; null where it is in epochs of a corpus that cannot be read.</summary>
    public required long? Steps { get; init; }

    /// <summary>Samples of the corpus that the trial draws from; null where it cannot be read.</summary>
    public required long? Unique { get; init; }

    /// <summary>Bytes of the checkpoints that are kept.</summary>
    public required long DiskBytes { get; init; }

    /// <summary>Samples that the trial sees.</summary>
    public long? Samples => Steps * GlobalBatch;

    /// <summary>Floating-point operations of training: two a multiply-accumulate, three times the forward pass.</summary>
    public double? Flops => Samples * 6.0 * Macs;
}
