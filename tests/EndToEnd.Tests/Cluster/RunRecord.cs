using System.Text.Json;

namespace ClipTrain.EndToEnd.Tests.Cluster;

/// <summary>One membership of a run, as its ledger has it.</summary>
internal sealed record GenerationLine(int Generation, long StartStep, string[] Workers);

/// <summary>What a run has written down about itself so far.</summary>
internal sealed class RunRecord(string directory)
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1), Pause = TimeSpan.FromMilliseconds(50);

    /// <summary>The steps of metrics.jsonl, in the order of the file.</summary>
    public IReadOnlyList<long> Steps => [.. Lines("metrics.jsonl").Select(line => line.GetProperty("step").GetInt64())];

    public IReadOnlyList<GenerationLine> Generations =>
    [
        .. Lines("ledger.jsonl").Where(line => line.TryGetProperty("generation", out _)).Select(line => line.GetProperty("generation"))
            .Select(line => new GenerationLine(line.GetProperty("generation").GetInt32(), line.GetProperty("startStep").GetInt64(), [.. line.GetProperty("workers").EnumerateArray().Select(worker => worker.GetString()!)])),
    ];

    /// <summary>Returns when a step of a generation has been recorded.</summary>
    public async Task StepOf(int generation)
    {
        var deadline = TimeProvider.System.GetTimestamp();
        while (!Lines("ledger.jsonl").Any(line => line.TryGetProperty("step", out var step) && step.GetProperty("generation").GetInt32() == generation))
        {
            Assert.True(TimeProvider.System.GetElapsedTime(deadline) < Limit, $"No step of generation {generation} was recorded.");
            await Task.Delay(Pause);
        }
    }

    /// <summary>Every step from the first to the last is there once, and the audit proves its samples.</summary>
    public void AssertWhole()
    {
        var steps = Steps;
        Assert.Equal(Enumerable.Range(1, steps.Count).Select(step => (long)step), steps);
        var (exit, output) = ProgramRun.Finish(Path.GetDirectoryName(directory)!, "data", "audit", directory);
        Assert.True(exit == 0, output);
        Assert.Contains("every sample was consumed exactly once", output, StringComparison.Ordinal);
    }

    /// <summary>The whole lines of a file that may be being written.</summary>
    private List<JsonElement> Lines(string file)
    {
        var path = Path.Combine(directory, file);
        if (!File.Exists(path))
            return [];
        using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        var text = reader.ReadToEnd();
        return [.. text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonSerializer.Deserialize<JsonElement>(line))];
    }
}
