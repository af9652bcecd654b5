using ClipTrain.Monitoring.Page;

namespace ClipTrain.Monitoring.Tests.Page;

/// <summary>Sweeps that change when a test says so.</summary>
internal sealed class FixedSweeps(IReadOnlyList<SweepView> sweeps) : ISweepSource
{
    /// <summary>A sweep of trials in every state, with a law and one prediction that held.</summary>
    public static SweepView Demo { get; } =
        new(
            "demo",
            "training FLOPs",
            "loss",
            [
                Trial("aaa", "done", 1e12, 4),
                Trial("bbb", "done", 1e13, 2.1),
                Trial("ccc", "done", 1e14, 1.4),
                Trial("ddd", "running", 3e14, null),
                Trial("eee", "failed", 1e13, null) with
                {
                    Reason = "<script>document.body.dataset.broken = 1</script>",
                },
                Trial("fff", "done", 1e15, 1.02) with
                {
                    Predicted = new SweepBand(1e15, 1, 0.9, 1.1),
                },
            ],
            [new SweepLaw("", "power", [new(1e12, 4, 3.8, 4.2), new(1e14, 1.5, 1.4, 1.6), new(2e15, 1, 0.8, 1.3)])],
            Note: null
        );

    /// <summary>A sweep of three groups, of which two have a law.</summary>
    public static SweepView Grouped { get; } =
        new(
            "groups",
            "training FLOPs",
            "loss",
            [
                .. from objective in new[] { "contrastive", "sigmoid", "captioning" }.Index()
                from size in Enumerable.Range(0, objective.Index == 2 ? 1 : 4)
                select Trial(
                    $"{objective.Item}-{size}",
                    "done",
                    1e12 * Math.Pow(10, size),
                    (3 + objective.Index) * Math.Pow(0.6, size)
                ) with
                {
                    Group = objective.Item,
                },
            ],
            [
                new SweepLaw("contrastive", "power", [new(1e12, 3, 2.9, 3.1), new(2e15, 0.6, 0.5, 0.7)]),
                new SweepLaw("sigmoid", "power_floor", [new(1e12, 4, 3.9, 4.1), new(2e15, 0.8, 0.7, 0.9)]),
            ],
            Note: "captioning: power is not fitted: 1 point."
        );

    /// <summary>The sweeps that are read next.</summary>
    public IReadOnlyList<SweepView> Now { get; set; } = sweeps;

    public IReadOnlyList<SweepView> Read() => Now;

    private static SweepTrial Trial(string id, string state, double flops, double? loss) =>
        new(id, state, $"lr={id}", flops, loss, Predicted: null, Reason: null);
}
