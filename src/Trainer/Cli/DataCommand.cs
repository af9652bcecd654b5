using System.CommandLine;
using ClipTrain.DataPipeline.Import;
using ClipTrain.Trainer.Telemetry;
using Spectre.Console;

namespace ClipTrain.Trainer.Cli;

/// <summary><c>cliptrain data …</c></summary>
public static class DataCommand
{
    /// <summary>Where the quickstart's run file looks for the demo corpus.</summary>
    public const string DemoFolder = "corpora/demo";

    public static Command Create()
    {
        var folder = new Argument<string>("DIR") { Description = "Folder to write the corpus to.", DefaultValueFactory = _ => DemoFolder };
        var demo = new Command("demo", "Fetch six emoji sets and make a small image-text corpus of them.") { folder };
        demo.SetAction(parsed =>
        {
            EnsureDemo(parsed.GetRequiredValue(folder));
            return ExitCodes.Ok;
        });
        return new Command("data", "Make and inspect corpora.") { demo, ImportCommand.Create(), ExportCommand.Create(), AuditCommand.Create(), StatsCommand.Create(), VerifyCommand.Create(), ViewCommand.Create() };
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
            var icons = IconSets.Fetch(Path.Combine(AppContext.BaseDirectory, "npm-demo"), packages);
            AnsiConsole.Progress().Start(context =>
            {
                var task = context.AddTask("Drawing and packing");
                DemoCorpus.Build(icons, folder, new DirectProgress(progress =>
                {
                    task.MaxValue = progress.Images;
                    task.Value = progress.ImagesDone;
                }));
            });
        }
        finally
        {
            Directory.Delete(packages, recursive: true);
        }

        Console.WriteLine($"The demo corpus is in {folder}; {Path.Combine(folder, DemoCorpus.LicensesFile)} says whose art it is.");
    }

    /// <summary>Unlike <see cref="Progress{T}"/> it reports on the thread that works, in order.</summary>
    private sealed class DirectProgress(Action<DemoProgress> report) : IProgress<DemoProgress>
    {
        public void Report(DemoProgress value) => report(value);
    }
}
