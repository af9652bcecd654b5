using System.Globalization;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Runs;
using Spectre.Console;

namespace ClipTrain.Cli.Runs;

/// <summary>Output of <c>cliptrain status</c>.</summary>
public static class RunStatusView
{
    /// <summary>Prints one row per run under runs/, querying those that are hosted.</summary>
    public static async Task<int> ShowAllAsync()
    {
        var table = new Table().AddColumns("run", "phase", "step", "workers", "hosted by");
        foreach (var directory in RunFiles.All(new OutputOptions().Directory))
        {
            table.AddRow(await RowAsync(new RunFiles(directory)));
        }

        AnsiConsole.Write(table);
        return ExitCodes.Ok;
    }

    public static void Show(string run, RunStatus status)
    {
        if (status.State is not { } state)
        {
            AnsiConsole.MarkupLineInterpolated($"{run} has not started yet; process {status.Host} will host it.");
            return;
        }

        AnsiConsole.WriteLine(
            $"{run}: {Phase(state)}, {state.CommittedStep} steps committed, {state.RecordedStep} recorded; generation "
                + $"{state.Generation}; term {status.Term}, hosted by process {status.Host}."
        );
        if (state.LastCheckpoint is { } checkpoint)
        {
            AnsiConsole.MarkupLineInterpolated($"Last checkpoint: step {checkpoint.Step}, {checkpoint.Directory}");
        }

        if (state.EndText is { } end)
        {
            AnsiConsole.WriteLine(end);
        }

        var table = new Table().AddColumns("worker", "rank", "status", "step", "machine", "process", "device");
        foreach (var member in state.Members)
        {
            table.AddRow(
                Markup.Escape(member.WorkerId),
                Text(member.Rank),
                member.Status.ToString().ToLowerInvariant(),
                Text(member.CommittedStep),
                Markup.Escape(member.Host ?? member.NodeId ?? ""),
                Text(member.ProcessId),
                Markup.Escape(member.Device ?? "")
            );
        }

        AnsiConsole.Write(table);
        foreach (var failure in state.Failures)
        {
            AnsiConsole.MarkupLineInterpolated($"{failure.Label}: {failure.Text}");
        }
    }

    private static async Task<string[]> RowAsync(RunFiles files)
    {
        var name = Markup.Escape(Path.GetFileName(files.Directory));
        if (!RunCluster.IsServed(files))
        {
            return [name, File.Exists(files.Summary) ? "completed" : "not running", "", "", ""];
        }

        try
        {
            await using var connection = await RunConnection.ToLocalAsync(files, waits: false);
            var status = await connection.StatusAsync();
            return status.State is { } state
                ?
                [
                    name,
                    Phase(state),
                    Text(state.CommittedStep),
                    Text(state.Members.Count(member => member.IsAssigned)),
                    Markup.Escape(status.Host),
                ]
                : [name, "starting", "", "", Markup.Escape(status.Host)];
        }
        catch (Exception error) when (error is CoordinatorLostException or CoordinatorRefusedException)
        {
            return [name, "not reachable", "", "", ""];
        }
    }

    private static string Phase(RunState state) => state.Phase.ToString().ToLowerInvariant();

    private static string Text(long? number) => number?.ToString(CultureInfo.InvariantCulture) ?? "";
}
