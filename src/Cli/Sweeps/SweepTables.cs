using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.State;
using ClipTrain.Experiments.Sweeps;
using Spectre.Console;

namespace ClipTrain.Cli.Sweeps;

/// <summary>Tables for sweep plan and sweep status.</summary>
internal static class SweepTables
{
    /// <summary>Maximum number of trials in a table; further ones are only counted.</summary>
    private const int MostRows = 200;

    /// <param name="trials">The trials.</param>
    /// <param name="records">Their records, in the same order.</param>
    public static void Trials(IReadOnlyList<Trial> trials, IReadOnlyList<TrialRecord> records)
    {
        var axes = trials.SelectMany(trial => trial.Labels).Select(label => label.Key).Distinct(StringComparer.Ordinal).ToList();
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumn("trial").AddColumn("state");
        foreach (var axis in axes)
        {
            table.AddColumn(Markup.Escape(axis));
        }

        foreach (var column in new[] { "parameters", "samples", "FLOPs" })
        {
            table.AddColumn(new TableColumn(column).RightAligned());
        }

        foreach (var (trial, record) in trials.Zip(records).Take(MostRows))
        {
            var labels = trial.Labels.ToDictionary(StringComparer.Ordinal);
            table.AddRow([
                new Text(trial.Id),
                new Text($"{record.State.ToString().ToLowerInvariant()}{(trial.IsHeldOut ? ", held out" : "")}"),
                .. axes.Select(axis => new Text(labels.GetValueOrDefault(axis, ""))),
                new Text(Readable.Count(trial.Resolved.Parameters)),
                new Text(trial.Resolved.Samples is { } samples ? Readable.Count(samples) : "?"),
                new Text(trial.Resolved.Flops is { } flops ? Readable.Number(flops) : "?"),
            ]);
        }

        AnsiConsole.Write(table);
        if (trials.Count > MostRows)
        {
            Console.WriteLine($"… and {Readable.Count(trials.Count - MostRows)} more");
        }

        // Too long for a table.
        foreach (var record in records.Where(record => record.Reason is not null).Take(MostRows))
        {
            Console.WriteLine($"{record.Id} {record.State.ToString().ToLowerInvariant()}: {record.Reason}");
        }
    }

    /// <summary>What the pool has, and where a sweep's unfinished trials are or why they wait.</summary>
    public static void Pool(PoolState pool, bool ofGpus, ExperimentState? experiment)
    {
        foreach (var trial in experiment?.Trials.Where(trial => !trial.IsOver).Take(MostRows) ?? [])
        {
            var where = trial.Lease is { } lease ? $" on {string.Join(", ", lease.Devices)}" : "";
            Console.WriteLine(
                $"{trial.Spec.Id} {trial.Status.ToString().ToLowerInvariant()}{where}{(trial.Text is null ? "" : $": {trial.Text}")}"
            );
        }

        Console.WriteLine(
            $"The pool has {Readable.Count(pool.CountDevices(), TrialDevices.Noun(ofGpus))} on {Readable.Count(pool.Nodes.Count, "node")}, "
                + $"{pool.FreeDevices().Sum(node => node.Count)} of them free; trials of all sweeps: {pool.Leases.Count} running, "
                + $"{pool.Queue.Count} waiting."
        );
        Console.WriteLine(
            experiment switch
            {
                null => "The pool knows nothing of this sweep.",
                { EndedBecause: { } why } => $"The sweep has ended early: {why}.",
                { IsSettled: true } => "The pool has nothing left to do for this sweep.",
                _ => "The pool runs this sweep.",
            }
        );
    }

    public static void Cost(string of, SweepCost cost, bool ofGpus) =>
        Console.WriteLine(
            $"{of}: {Readable.Count(cost.Trials)} trials, {Readable.Number(cost.Samples)} samples, {Readable.Number(cost.Flops)} FLOPs, "
                + (
                    cost.DeviceSeconds is { } seconds
                        ? $"{Readable.Number(seconds / 3600)} {TrialDevices.Noun(ofGpus)} hours, "
                        : "hours unknown, "
                )
                + $"at most {Readable.Number(cost.DiskBytes / 1e9)} GB of checkpoints"
        );
}
