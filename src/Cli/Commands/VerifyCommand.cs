using System.CommandLine;
using ClipTrain.Cli.Telemetry;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Inspection;
using Spectre.Console;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain data verify CORPUS… [--sample N] [--list FILE] [--checksums FILE]</c></summary>
public static class VerifyCommand
{
    public static Command Create()
    {
        var arguments = new InspectArguments("Size of a random sample of rows. Default: all rows.", sample: null);
        var list = new Option<string?>("--list")
        {
            Description = "Also list the broken rows in this tab-separated file (place, rows, reason).",
        };
        var checksums = new Option<string?>("--checksums")
        {
            Description =
                "Also check every file against the SHA-256 checksums in this file (sha256sum format); create the file if it does not "
                + "exist.",
        };
        var command = arguments.AddTo(
            new Command("verify", "Decode a corpus on all cores and list every row that training could not use.") { list, checksums }
        );
        command.SetAction(parsed =>
            ImportRunner.Interruptible(
                "The remaining rows were not checked.",
                cancellation => Run(arguments, parsed, parsed.GetValue(list), parsed.GetValue(checksums), cancellation)
            )
        );
        return command;
    }

    private static int Run(InspectArguments arguments, ParseResult parsed, string? list, string? checksums, CancellationToken cancellation)
    {
        var (input, choice) = arguments.Read(parsed);
        var changed = checksums is null ? [] : CheckBytes(checksums, input.Manifest, cancellation);
        using var writer = list is null ? null : new StreamWriter(list);
        writer?.WriteLine("place\trows\treason");
        var found = ImportView.Show(
            "verifying",
            show =>
            {
                var all = new List<BrokenRows>();
                foreach (
                    var broken in CorpusVerification.Run(
                        input.Manifest,
                        choice,
                        (rows, bad) => show(new ImportFigures(rows - bad, bad, (double)rows / choice.Count)),
                        cancellation
                    )
                )
                {
                    all.Add(broken);
                    writer?.WriteLine($"{broken.Place}\t{broken.Rows}\t{broken.Reason.Replace('\t', ' ')}");
                }

                return all;
            }
        );
        found.ForEach(Console.WriteLine);
        var count = found.Sum(broken => broken.Rows);
        if (count > 0)
        {
            AnsiConsole.Write(Table(found));
        }

        Console.WriteLine(
            count == 0
                ? $"All {Readable.Count(choice.Count)} decoded rows are usable."
                : $"{Readable.Count(count)} of {Readable.Count(choice.Count)} rows are broken "
                    + $"({Readable.Percent((double)count / choice.Count)}). Training skips them, up to the share data.max_bad_share."
        );
        return count + changed.Count == 0 ? ExitCodes.Ok : ExitCodes.BadData;
    }

    private static List<string> CheckBytes(string checksums, CorpusManifest manifest, CancellationToken cancellation)
    {
        if (!File.Exists(checksums))
        {
            FileChecksums.Write(checksums, manifest, cancellation);
            Console.WriteLine($"Checksums of {manifest.Files.Count} files written to {checksums}.");
            return [];
        }

        var changed = FileChecksums.Differences(checksums, manifest, cancellation).ToList();
        changed.ForEach(Console.WriteLine);
        if (changed.Count == 0)
        {
            Console.WriteLine($"{manifest.Files.Count} files match the checksums in {checksums}.");
        }

        return changed;
    }

    private static Table Table(List<BrokenRows> found)
    {
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumn("reason").AddColumn(new TableColumn("rows").RightAligned());
        foreach (
            var (reason, rows) in found
                .GroupBy(broken => CorpusVerification.Kind(broken.Reason), broken => broken.Rows, StringComparer.Ordinal)
                .Select(kind => (kind.Key, kind.Sum()))
                .OrderByDescending(kind => kind.Item2)
                .ThenBy(kind => kind.Key, StringComparer.Ordinal)
        )
        {
            table.AddRow(new Text(reason), new Text(Readable.Count(rows)));
        }

        return table;
    }
}
