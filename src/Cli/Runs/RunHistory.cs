using System.Globalization;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Runs;
using ClipTrain.Weights.Tensors;
using Serilog;

namespace ClipTrain.Cli.Runs;

/// <summary>Where a run goes on. A run has one line of history: what lies after the checkpoint that it goes on from, because the user chose an earlier one or the newer ones are damaged, moves to <c>set-aside/</c> in the run's folder, by name. The ledger keeps its entries, which the next generation marks as undone.</summary>
public sealed class RunHistory(RunFiles files, ILogger log)
{
    private readonly CheckpointDirectory _checkpoints = new(files.Checkpoints);

    /// <summary>The checkpoint that the run goes on from; null to begin at its first step.</summary>
    /// <param name="wanted">The step that the user chose; null for the newest checkpoint that is whole.</param>
    /// <exception cref="WeightsException">There is no such checkpoint, or none is whole, or what lies after it cannot be moved.</exception>
    public CheckpointMark? GoOnFrom(long? wanted)
    {
        // What a worker that trains on writes from now on is of this line.
        var known = _checkpoints.Steps();
        var state = wanted is { } step
            ? _checkpoints.Verify(step)
            : _checkpoints.NewestWhole((step, reason) => log.Warning("The checkpoint of step {Step} is damaged: {Reason:l}", step, reason));
        if (state is null)
        {
            if (FileRunLedger.Read(files.Ledger).Any(entry => entry.Step is not null))
                log.Warning("{Checkpoints:l} has no checkpoint: the run begins again at its first step.", files.Checkpoints);
            return null;
        }

        if (known.Any(later => later > state.Step))
            SetAside(state.Step, [.. known.Where(later => later > state.Step)]);
        log.Information("Going on from the checkpoint of step {Step}.", state.Step);
        return new CheckpointMark(state.Step, _checkpoints.PathOf(state.Step));
    }

    private void SetAside(long step, IReadOnlyList<long> laterSteps)
    {
        try
        {
            var folder = NewFolder(step);

            // Copies first: if this is cut short, the run is what it was.
            Copy(
                Path.Combine(folder, Path.GetFileName(files.Metrics)),
                File.Exists(files.Metrics),
                aside => MetricsFile.CopyAfter(files.Metrics, step, aside)
            );
            Copy(
                Path.Combine(folder, "ledger.jsonl"),
                Directory.Exists(files.Ledger),
                aside => LedgerFile.Write(aside, FileRunLedger.Read(files.Ledger).Where(entry => entry.Step?.Metrics.Step > step))
            );
            if (File.Exists(files.Summary))
                File.Move(files.Summary, Path.Combine(folder, RunFiles.SummaryName));

            // From the newest on, so that what remains at any moment is a line of history.
            foreach (var later in laterSteps.Reverse())
                Directory.Move(_checkpoints.PathOf(later), Path.Combine(folder, Path.GetFileName(_checkpoints.PathOf(later))));
            DirectorySync.Sync(folder);
            DirectorySync.Sync(files.Checkpoints);
            log.Warning("What the run did after step {Step} is set aside in {Folder:l}.", step, folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new WeightsException($"{files.SetAside}: what the run did after step {step} cannot be set aside: {error.Message}", error);
        }
    }

    private string NewFolder(long step)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"after-step-{step:D8}");
        for (var number = 1; ; number++)
        {
            var folder = Path.Combine(files.SetAside, number == 1 ? name : string.Create(CultureInfo.InvariantCulture, $"{name}-{number}"));
            if (Directory.Exists(folder))
                continue;
            Directory.CreateDirectory(folder);
            return folder;
        }
    }

    private static void Copy(string path, bool exists, Action<Stream> write)
    {
        if (!exists)
            return;
        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write);
        write(file);
        file.Flush(flushToDisk: true);
    }
}
