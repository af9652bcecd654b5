using ClipTrain.Coordinator.Protocol;
using static ClipTrain.Monitoring.Verdict.Words;

namespace ClipTrain.Monitoring.Verdict;

/// <summary>A phase of a step on rank 0.</summary>
/// <param name="Key">Its name in metrics.</param>
/// <param name="Name">Its name in sentences.</param>
/// <param name="Share">Share of the step's time.</param>
public sealed record PhaseShare(string Key, string Name, double Share);

/// <summary>Where the time of a run's last steps went, and how well they use the machine.</summary>
/// <param name="Shares">The phases that took time, longest first; the last one is the rest. Empty on GPUs.</param>
/// <param name="Mfu">Operations of the towers as a share of the measured peak of matrix products; null if unknown.</param>
/// <param name="Bf16Speedup">Rate of matrix products in bf16 as a multiple of that in fp32; null unless the run computes in fp32.</param>
public sealed record StepPhases(IReadOnlyList<PhaseShare> Shares, double? Mfu, double? Bf16Speedup)
{
    /// <summary>Share below which a phase is left out of the sentence.</summary>
    private const double Small = 0.005;

    private static readonly Dictionary<string, string> s_names = new(StringComparer.Ordinal)
    {
        ["data_wait"] = "waiting for data",
        ["other_ranks"] = "waiting for other ranks",
        ["copy"] = "copies",
        ["text_forward"] = "text tower forward",
        ["image_forward"] = "image tower forward",
        ["gather"] = "gathering embeddings",
        ["loss"] = "loss",
        ["image_backward"] = "image tower backward",
        ["text_backward"] = "text tower backward",
        ["reduction"] = "reducing gradients",
        ["optimizer"] = "optimizer",
        ["checkpoint"] = "checkpoints",
    };

    /// <summary>Share of the image tower, forward and backward.</summary>
    public double ImageTower => ShareOf("image_forward") + ShareOf("image_backward");

    /// <summary>Share of the text tower, forward and backward.</summary>
    public double TextTower => ShareOf("text_forward") + ShareOf("text_backward");

    /// <summary>Share of a phase, by its name in metrics; 0 if it took no time.</summary>
    public double ShareOf(string key) => Shares.FirstOrDefault(phase => phase.Key == key)?.Share ?? 0;

    /// <summary>The phases in a sentence.</summary>
    public string Text
    {
        get
        {
            var shares = string.Join(
                ", ",
                Shares.Where(phase => phase.Share >= Small).Select(phase => $"{phase.Name} {Percent(phase.Share)}")
            );
            var mfu = Mfu is { } utilisation ? $"{Percent(utilisation)} of the machine's peak in matrix products (MFU)" : "";
            return (shares.Length, mfu.Length) switch
            {
                (0, _) => $"The towers compute at {mfu}.",
                (_, 0) => $"Time of a step: {shares}.",
                _ => $"Time of a step: {shares}; {mfu}.",
            };
        }
    }

    /// <summary>The mean of the measurements among some steps; null if there is none.</summary>
    public static StepPhases? Of(IEnumerable<StepRecord> steps)
    {
        StepMetrics[] measured =
        [
            .. steps.Select(step => step.Metrics).Where(metrics => metrics.Phases is not null || metrics.Mfu is not null),
        ];
        if (measured.Length == 0)
        {
            return null;
        }

        double[] utilisations = [.. measured.Select(metrics => metrics.Mfu).OfType<double>()];
        IReadOnlyDictionary<string, double>[] phases =
        [
            .. measured.Select(metrics => metrics.Phases).OfType<IReadOnlyDictionary<string, double>>(),
        ];
        PhaseShare[] shares =
        [
            .. phases
                .SelectMany(step => step)
                .GroupBy(phase => phase.Key, StringComparer.Ordinal)
                .Select(phase => new PhaseShare(
                    phase.Key,
                    s_names.GetValueOrDefault(phase.Key, phase.Key),
                    phase.Sum(step => step.Value) / phases.Length
                ))
                .OrderByDescending(phase => phase.Share),
        ];
        return new StepPhases(
            shares.Length == 0
                ? []
                : [.. shares, new PhaseShare("other", "everything else", Math.Max(0, 1 - shares.Sum(phase => phase.Share)))],
            utilisations.Length > 0 ? utilisations.Average() : null,
            measured[^1].Bf16Speedup
        );
    }
}
