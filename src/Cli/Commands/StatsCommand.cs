using System.CommandLine;
using ClipTrain.Cli.DataTools;
using ClipTrain.Cli.Telemetry;
using ClipTrain.DataPipeline.Inspection;
using Spectre.Console;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain data stats CORPUS… [--sample N] [--out FILE]</c></summary>
public static class StatsCommand
{
    public static Command Create()
    {
        var arguments = new InspectArguments("Size of a random sample of rows. Default: all rows.", sample: null);
        var output = new Option<string>("--out", "-o") { Description = "Output HTML page.", DefaultValueFactory = _ => "data-stats.html" };
        var command = arguments.AddTo(
            new Command("stats", "Report image sizes, aspect ratios, captions, scripts and duplicates of a corpus.") { output }
        );
        command.SetAction(parsed =>
            ImportRunner.Interruptible(
                "Nothing was written.",
                cancellation => Run(arguments, parsed, parsed.GetRequiredValue(output), cancellation)
            )
        );
        return command;
    }

    private static int Run(InspectArguments arguments, ParseResult parsed, string output, CancellationToken cancellation)
    {
        var (input, choice) = arguments.Read(parsed);
        var statistics = ImportView.Show(
            "analysing",
            show =>
                CorpusStatistics.Of(
                    input.Manifest,
                    choice,
                    input.Tokenizer,
                    rows => show(new ImportFigures(rows, 0, (double)rows / choice.Count)),
                    cancellation
                )
        );
        var report = StatsReport.Of(input, statistics);
        StatsPage.Write(output, report);
        foreach (var table in StatsTables.Draw(report))
        {
            AnsiConsole.Write(table);
        }

        Console.WriteLine($"{report.Extent}; charts in {output}.");
        return ExitCodes.Ok;
    }
}
