using System.Globalization;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Trainer.Checkpoints;
using ClipTrain.Trainer.Runs;
using ClipTrain.Weights.Tensors;
using Serilog;

namespace ClipTrain.Cli.Runs;

/// <summary>
/// Selection of the checkpoint that a run resumes from. A run has a single linear history: when the user chooses an
/// earlier checkpoint, newer ones are damaged, or the run stopped on its way back from a divergence, everything after it moves to
/// <c>set-aside/</c> in the run directory.
/// The ledger keeps its entries; the next generation marks them as undone.
/// </summary>
public sealed class RunHistory(RunFiles files, ILogger log)
{
    private readonly CheckpointDirectory _checkpoints = new(files.Checkpoints);

    /// <summary>Selects the checkpoint to resume from; null to start at the first step.</summary>
    /// <param name="wanted">
    /// Step chosen by the user; null for the newest intact checkpoint of the history that the run keeps.
    /// </param>
    /// <exception cref="WeightsException">The checkpoint does not exist, none is intact, or later files cannot be
    /// moved.</exception>
    public CheckpointMark? GoOnFrom(long? wanted)
    {
        // Checkpoints written after this point, by workers that kept training, belong to this history.
        var known = _checkpoints.Steps();
        var undoneFrom = wanted is null ? Rollback.UndoneFrom(files) : null;
        var state = wanted is { } step
            ? _checkpoints.Verify(step)
            : _checkpoints.NewestWhole(
                (step, reason) => log.Warning("The checkpoint of step {Step} is damaged: {Reason:l}", step, reason),
                undoneFrom ?? long.MaxValue
            );
        if (state is null)
        {
            if (undoneFrom is not null && known is [.., var newest])
            {
                throw new WeightsException(
                    $"{files.Checkpoints}: has no checkpoint before step {undoneFrom}, at which the run diverged. Delete {files.PassedOver} "
                        + $"to continue from the checkpoint of step {newest}."
                );
            }

            if (FileRunLedger.Read(files.Ledger).Any(entry => entry.Step is not null))
            {
                log.Warning("{Checkpoints:l} has no checkpoint: the run starts over at its first step.", files.Checkpoints);
            }

            return null;
        }

        if (known.Any(later => later > state.Step))
        {
            SetAside(state.Step, [.. known.Where(later => later > state.Step)]);
        }

        log.Information("Resuming from the checkpoint of step {Step}.", state.Step);
        return new CheckpointMark(state.Step, _checkpoints.PathOf(state.Step));
    }

    private void SetAside(long step, IReadOnlyList<long> laterSteps)
    {
        try
        {
            var folder = NewFolder(step);

            // Copy first: an interruption leaves the run unchanged.
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
            {
                File.Move(files.Summary, Path.Combine(folder, RunFiles.SummaryName));
            }

            if (new CheckpointDirectory(new RunFiles(files.Best).Checkpoints).Steps().Any(best => best > step))
            {
                Directory.Move(files.Best, Path.Combine(folder, Path.GetFileName(files.Best)));
            }

            // Newest first, so that the remaining checkpoints are a valid history at every moment.
            foreach (var later in laterSteps.Reverse())
            {
                Directory.Move(_checkpoints.PathOf(later), Path.Combine(folder, Path.GetFileName(_checkpoints.PathOf(later))));
            }

            DirectorySync.Sync(folder);
            DirectorySync.Sync(files.Checkpoints);
            log.Warning("The history after step {Step} is set aside in {Folder:l}.", step, folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new WeightsException($"{files.SetAside}: cannot set aside the history after step {step}: {error.Message}", error);
        }
    }

    private string NewFolder(long step)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"after-step-{step:D8}");
        for (var number = 1; ; number++)
        {
            var folder = Path.Combine(files.SetAside, number == 1 ? name : string.Create(CultureInfo.InvariantCulture, $"{name}-{number}"));
            if (Directory.Exists(folder))
            {
                continue;
            }

            Directory.CreateDirectory(folder);
            return folder;
        }
    }

    private static void Copy(string path, bool exists, Action<Stream> write)
    {
        if (!exists)
        {
            return;
        }

        using var file = new FileStream(path, FileMode.CreateNew, FileAccess.Write);
        write(file);
        file.Flush(flushToDisk: true);
    }
}
