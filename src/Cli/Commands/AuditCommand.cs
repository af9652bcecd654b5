using System.CommandLine;
using System.Globalization;
using ClipTrain.Cli.Runs;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Storage;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Runs;
using Spectre.Console;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain data audit RUN [--list FILE]</c></summary>
public static class AuditCommand
{
    public static Command Create()
    {
        var run = new Argument<string>("RUN") { Description = "Run directory, or its name under runs/." };
        var list = new Option<string?>("--list")
        {
            Description = "Also list every sample with its step and rank in this tab-separated file.",
        };
        var command = new Command("audit", "Check from a run's ledger that every sample was consumed exactly once per epoch.")
        {
            run,
            list,
        };
        command.SetAction(parsed => Audit(RunFiles.Find(parsed.GetRequiredValue(run)), parsed.GetValue(list)));
        return command;
    }

    private static int Audit(RunFiles files, string? list)
    {
        if (!Directory.Exists(files.Ledger))
        {
            throw new UsageException($"{files.Ledger} does not exist: the run has not committed a step yet.");
        }

        var options = RunConfig.Load(files.Config, []).Options;
        var manifest = CorpusManifest.Load(files.Manifest);
        var order = RunPlan.Order(manifest, options);
        var audit = new SampleAudit(order, new ShardPlan(manifest, order));
        using var writer = list is null ? null : new StreamWriter(list);
        writer?.WriteLine("epoch\tsample\tplace\tstep\trank");
        AuditReport report;
        try
        {
            report = audit.Run(
                FileRunLedger.Read(files.Ledger),
                writer is null
                    ? null
                    : use =>
                        writer.WriteLine(
                            string.Create(
                                CultureInfo.InvariantCulture,
                                $"{use.Sample.Epoch}\t{use.Sample.Index}\t{manifest.Key(use.Sample.Index)}\t{use.Step}\t{use.Rank}"
                            )
                        )
            );
        }
        catch (InvalidDataException damage)
        {
            Console.WriteLine($"fault: {damage.Message}");
            return ExitCodes.AuditFailed;
        }

        Print(report, manifest);
        return report.Faults.Count == 0 ? ExitCodes.Ok : ExitCodes.AuditFailed;
    }

    private static void Print(AuditReport report, CorpusManifest manifest)
    {
        var generations = new Table().AddColumns("generation", "from step", "workers", "since");
        foreach (var generation in report.Generations)
        {
            generations.AddRow(
                Text(generation.Generation),
                Text(generation.StartStep),
                Markup.Escape(string.Join(", ", generation.Workers)),
                generation.Time.ToString("u", CultureInfo.InvariantCulture)
            );
        }

        var epochs = new Table().AddColumns(
            manifest.Parts.Count > 1 ? "corpus, epoch" : "epoch",
            "samples reached",
            "consumed once",
            "duplicates",
            "missing"
        );
        foreach (var epoch in report.Epochs)
        {
            epochs.AddRow(
                Markup.Escape($"{manifest.Parts[epoch.Corpus].Name} {Text(epoch.Epoch)}".TrimStart()),
                Text(epoch.Samples),
                Text(epoch.Once),
                Text(epoch.Duplicates),
                Text(epoch.Missing)
            );
        }

        AnsiConsole.Write(generations);
        AnsiConsole.Write(epochs);
        foreach (var fault in report.Faults)
        {
            Console.WriteLine($"fault: {fault}");
        }

        if (report.Generations.LastOrDefault()?.PassedOver is { } passedOver)
        {
            Console.WriteLine($"Steps that changed no weight, because the run diverged at them before: {Rollback.Describe(passedOver)}.");
        }

        Console.WriteLine(
            report.Faults.Count == 0
                ? $"{report.Steps} committed steps; every sample was consumed exactly once. {report.BadSamples} bad samples; "
                    + $"{report.UndoneSteps} steps were lost and repeated."
                : $"{report.Steps} committed steps; the records do NOT prove that every sample was consumed exactly once."
        );
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
