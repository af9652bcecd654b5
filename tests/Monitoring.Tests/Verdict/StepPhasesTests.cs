using ClipTrain.Coordinator.Protocol;
using ClipTrain.Monitoring.Verdict;

namespace ClipTrain.Monitoring.Tests.Verdict;

public sealed class StepPhasesTests
{
    [Fact]
    public void Shares_are_averaged_over_measurements_and_the_rest_is_shown()
    {
        var phases = StepPhases.Of([
            With(1, phases: null, mfu: null),
            With(10, Shares(("image_backward", 0.4), ("loss", 0.1), ("copy", 0.001)), mfu: 0.3),
            With(20, Shares(("image_backward", 0.6)), mfu: 0.5),
        ])!;

        Assert.Equal(0.4, phases.Mfu!.Value, 9);
        Assert.Equal(
            ["image tower backward", "loss", "copies", "everything else"],
            phases.Shares.Select(phase => phase.Name),
            StringComparer.Ordinal
        );
        Assert.Equal([0.5, 0.05, 0.0005, 0.4495], phases.Shares.Select(phase => Math.Round(phase.Share, 9)));
        Assert.Equal(
            "Time of a step: image tower backward 50 %, loss 5 %, everything else 45 %; 40 % of the machine's peak in matrix products (MFU).",
            phases.Text
        );
    }

    [Fact]
    public void A_run_on_a_gpu_has_a_utilisation_alone()
    {
        var phases = StepPhases.Of([With(10, phases: null, mfu: 0.41)])!;
        Assert.Empty(phases.Shares);
        Assert.Contains("41 %", phases.Text, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_measurement_there_is_nothing_to_tell() => Assert.Null(StepPhases.Of([With(1, phases: null, mfu: null)]));

    private static Dictionary<string, double> Shares(params (string Name, double Share)[] shares) =>
        shares.ToDictionary(phase => phase.Name, phase => phase.Share, StringComparer.Ordinal);

    private static StepRecord With(long step, Dictionary<string, double>? phases, double? mfu)
    {
        var record = Records.Step(step, 2);
        return record with { Metrics = record.Metrics with { Phases = phases, Mfu = mfu } };
    }
}
