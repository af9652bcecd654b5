using System.CommandLine;
using ClipTrain.DataPipeline.Import;
using ClipTrain.Trainer.Runs;
using ClipTrain.Trainer.Telemetry;

namespace ClipTrain.Trainer.Cli;

/// <summary><c>cliptrain data demo DIR</c></summary>
public static class DataCommand
{
    /// <summary>Where the quickstart's run file looks for the demo corpus.</summary>
    public const string DemoFolder = "corpora/demo";

    public static Command Create()
    {
        var folder = new Argument<string>("DIR") { Description = "Folder to write the corpus to.", DefaultValueFactory = _ => DemoFolder };
        var demo = new Command("demo", "Fetch six emoji sets and make a small image-text corpus of them.") { folder };
        demo.SetAction(async parsed =>
        {
            await EnsureDemoAsync(parsed.GetRequiredValue(folder));
            return ExitCodes.Ok;
        });
        return new Command("data", "Make and inspect corpora.") { demo };
    }

    /// <summary>Makes the demo corpus unless it is there.</summary>
    internal static async Task EnsureDemoAsync(string folder)
    {
        if (DemoCorpus.IsComplete(folder))
        {
            Console.WriteLine($"The demo corpus is in {folder}.");
            return;
        }

        Console.WriteLine("Fetching six emoji sets.");
        var icons = Path.Combine(folder, "icons");
        await IconSets.FetchAsync(icons);
        DemoCorpus.Build(icons, folder, new Progress<string>(Console.WriteLine));
        Console.WriteLine($"The demo corpus is in {folder}; {Path.Combine(folder, "LICENSES.md")} says whose art it is.");
    }
}
