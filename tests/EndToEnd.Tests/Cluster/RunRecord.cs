using System.Text.Json;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Storage;

namespace ClipTrain.EndToEnd.Tests.Cluster;

/// <summary>Records that a run has written so far.</summary>
/// <param name="directory">The run's folder.</param>
/// <param name="output">Output of the run's programs, for failure messages.</param>
internal sealed class RunRecord(string directory, Func<string> output)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(20),
        Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>The steps of metrics.jsonl, in the order of the file.</summary>
    public IReadOnlyList<long> Steps => [.. Lines("metrics.jsonl").Select(line => line.GetProperty("step").GetInt64())];

    public IReadOnlyList<GenerationRecord> Generations => [.. Ledger.Select(entry => entry.Generation).OfType<GenerationRecord>()];

    /// <summary>Completes when a step of a generation has been recorded.</summary>
    public async Task StepOf(int generation)
    {
        var deadline = TimeProvider.System.GetTimestamp();
        while (!Ledger.Any(entry => entry.Step?.Generation == generation))
        {
            Assert.True(
                TimeProvider.System.GetElapsedTime(deadline) < Limit,
                $"No step of generation {generation} was recorded.\n{output()}"
            );
            await Task.Delay(Pause);
        }
    }

    /// <summary>Completes when the given number of further steps has been recorded.</summary>
    public async Task MoreSteps(int steps)
    {
        var enough = Steps.Count + steps;
        for (var start = TimeProvider.System.GetTimestamp(); Steps.Count < enough; await Task.Delay(Pause))
        {
            Assert.True(TimeProvider.System.GetElapsedTime(start) < Limit, $"Step {enough} was not recorded.\n{output()}");
        }
    }

    /// <summary>Asserts that every step is recorded exactly once and that the audit passes.</summary>
    public void AssertWhole()
    {
        var steps = Steps;
        Assert.Equal(Enumerable.Range(1, steps.Count).Select(step => (long)step), steps);
        var (exit, printed) = ProgramRun.Finish(Path.GetDirectoryName(directory)!, "data", "audit", directory);
        Assert.True(exit == 0, printed);
        Assert.Contains("every sample was consumed exactly once", printed, StringComparison.Ordinal);
    }

    private IEnumerable<LedgerEntry> Ledger => FileRunLedger.Read(Path.Combine(directory, "ledger"));

    /// <summary>Returns the complete lines of a file that may still be written to.</summary>
    private List<JsonElement> Lines(string file)
    {
        var path = Path.Combine(directory, file);
        if (!File.Exists(path))
        {
            return [];
        }

        using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        var text = reader.ReadToEnd();
        return
        [
            .. text[..(text.LastIndexOf('\n') + 1)]
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => JsonSerializer.Deserialize<JsonElement>(line)),
        ];
    }
}
