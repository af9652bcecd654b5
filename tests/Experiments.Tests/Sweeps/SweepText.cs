using ClipTrain.Experiments.Sweeps;

namespace ClipTrain.Experiments.Tests.Sweeps;

/// <summary>Sweeps from file content, in a temporary folder.</summary>
internal sealed class SweepText : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;

    public string File => Path.Combine(_folder, "sweep.yaml");

    public SweepFolder Folder => new(Path.Combine(_folder, "out"));

    public Sweep Read(string body)
    {
        System.IO.File.WriteAllText(File, $"name: test\nbase: run.yaml\n{body}");
        return SweepFile.Read(File);
    }

    public IReadOnlyList<Trial> Plan(string body) => TrialPlanner.Plan(Read(body), new FakeResolver());

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
