using ClipTrain.Cli.Sweeps;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Tests.Shared;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Cli.Tests.Sweeps;

public sealed class TrialFiguresTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_energy_is_a_figure_only_where_it_is_known()
    {
        Assert.False(Figures(joules: null).ContainsKey("joules"));
        Assert.Equal(1250.5, Figures(1250.5)["joules"]);
    }

    private IReadOnlyDictionary<string, double> Figures(double? joules)
    {
        var files = new RunFiles(_folder.Path);
        new RunSummary
        {
            Name = "trial",
            Steps = 10,
            Samples = 640,
            Seconds = 5,
            Joules = joules,
            ImagesPerSecond = 128,
            FinalLoss = 1.5,
        }.Write(files.Summary);
        return TrialFigures.Read(files)!;
    }
}
