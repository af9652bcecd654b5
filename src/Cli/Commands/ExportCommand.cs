using System.CommandLine;
using ClipTrain.Cli.Telemetry;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Import.Export;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain data export tar CORPUS… -o DIR [--shard-size N]</c></summary>
public static class ExportCommand
{
    public static Command Create() => new("export", "Export a corpus to another format.") { Tar() };

    private static Command Tar()
    {
        var corpus = new Argument<string[]>("CORPUS")
        {
            Description = "Parquet files, folders of them, or globs.",
            Arity = ArgumentArity.OneOrMore,
        };
        var output = new Option<string>("--output", "-o") { Description = "Output folder.", Required = true };
        var shardSize = new Option<int>("--shard-size") { Description = "Samples per shard.", DefaultValueFactory = _ => 10_000 };
        var command = new Command("tar", "Write webdataset shards with an image, a .txt and a .json per sample.")
        {
            corpus,
            output,
            shardSize,
        };
        command.SetAction(parsed =>
            ImportRunner.Interruptible(
                "Delete the shards and export again.",
                cancellation =>
                    Run(
                        parsed.GetRequiredValue(corpus),
                        parsed.GetRequiredValue(output),
                        ImportArguments.AtLeastOne(parsed.GetValue(shardSize)),
                        cancellation
                    )
            )
        );
        return command;
    }

    private static int Run(string[] corpus, string output, int shardSize, CancellationToken cancellation)
    {
        var manifest = CorpusManifest.Create(corpus, new CorpusColumns { CaptionRequired = false, EveryCaption = true });
        var done = ImportView.Show(
            "exporting",
            show =>
                new TarExport(manifest, output, shardSize).Run(
                    new ImportRunner.DirectProgress<ExportProgress>(p =>
                        show(new ImportFigures(p.Written, p.Rows - p.Written, (double)p.Rows / manifest.SampleCount))
                    ),
                    cancellation
                )
        );
        Console.WriteLine(
            $"{Readable.Count(done.Written)} samples in {Readable.Count(done.Shards)} shards written to {output}; "
                + $"{Readable.Count(done.Rows - done.Written)} rows without an image skipped."
        );
        return done.Written > 0 ? ExitCodes.Ok : ExitCodes.BadData;
    }
}
