using System.CommandLine;
using ClipTrain.Cli.Runs;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Cli.Commands;

/// <summary><c>cliptrain quickstart</c>: demo corpus, training on two workers, evaluation, summary.</summary>
public static class QuickstartCommand
{
    public static Command Create()
    {
        var sets = TrainCommand.SetOption();
        var command = new Command(
            "quickstart",
            "Download the demo corpus, train a small CLIP on two workers and evaluate it (about ten minutes on two cores)."
        )
        {
            sets,
        };
        command.SetAction(parsed => RunAsync(parsed.GetRequiredValue(sets)));
        return command;
    }

    private static Task<int> RunAsync(string[] sets)
    {
        // Loading the run file checks its paths, so the demo corpus must exist first.
        DataCommand.EnsureDemo(DataCommand.DemoFolder);
        var config = Path.Combine(AppContext.BaseDirectory, "configs", "quickstart.yaml");
        var options = RunConfig.Load(config, sets).Options;
        options = options with { Name = FreeName(options) };
        return TrainCommand.HostAsync(() => PreparedRun.Create(options), new HostArguments());
    }

    /// <summary>The run's name, or the first unused one of name-2, name-3, …, so that the quickstart can be repeated.</summary>
    private static string FreeName(RunOptions options) =>
        Enumerable
            .Range(1, int.MaxValue)
            .Select(i => i == 1 ? options.Name : $"{options.Name}-{i}")
            .First(name => !Directory.Exists(Path.Combine(options.Output.Directory, name)));
}
