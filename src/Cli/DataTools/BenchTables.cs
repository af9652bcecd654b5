using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Trainer.Loop;
using Spectre.Console;

namespace ClipTrain.Cli.DataTools;

/// <summary>
/// Table of a loader's stages: starved means waiting for input, blocked means waiting for room in the output queue.
/// Waits of decoding are those of its threads, which also tokenize and assemble.
/// </summary>
internal static class BenchTables
{
    public static Table Draw(LoaderBenchResult result)
    {
        var metrics = LoaderWatch.Of(result.Figures);
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumn("stage");
        foreach (var column in new[] { "threads", "images/s", "busy", "starved", "blocked", "queued" })
        {
            table.AddColumn(new TableColumn(column).RightAligned());
        }

        Add("read", 1, metrics.Read, $"{Readable.Count(metrics.QueuedSamples)} encoded");
        Add("decode", result.Figures.Threads, metrics.Decode, "");
        Add("tokenize", result.Figures.Threads, metrics.Tokenize, "");
        Add("assemble", result.Figures.Threads, metrics.Assemble, $"{metrics.QueuedBatches} batches");
        table.AddRow(
            "consumer",
            "1",
            Readable.Number(result.ImagesPerSecond),
            "",
            Readable.Percent(result.Figures.Waited / result.Figures.Elapsed),
            "",
            ""
        );
        return table;

        void Add(string name, int threads, StageMetrics stage, string queue) =>
            table.AddRow(
                name,
                $"{threads}",
                Readable.Number(stage.Rate),
                Readable.Percent(stage.Busy),
                name == "decode" ? Readable.Percent(stage.Starved) : "",
                name is "read" or "decode" ? Readable.Percent(stage.Blocked) : "",
                queue
            );
    }
}
