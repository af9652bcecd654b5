using ClipTrain.Cli.Telemetry;
using Spectre.Console;

namespace ClipTrain.Cli.Commands;

/// <summary>Where an import or export stands.</summary>
/// <param name="Rows">Pairs done.</param>
/// <param name="Failures">Pairs that could not be used.</param>
/// <param name="Share">Share of the input that is behind, 0 to 1.</param>
internal readonly record struct ImportFigures(long Rows, long Failures, double Share);

/// <summary>Shows progress: a bar on a terminal, a line every ten seconds anywhere else.</summary>
internal static class ImportView
{
    private static readonly TimeSpan s_refresh = TimeSpan.FromMilliseconds(100),
        s_interval = TimeSpan.FromSeconds(10);

    /// <param name="what">What is done, as in "importing".</param>
    /// <param name="work">Is given what shows figures, to be called as often as it likes.</param>
    public static T Show<T>(string what, Func<Action<ImportFigures>, T> work)
    {
        var rate = new ImportRate(TimeProvider.System);
        if (!TrainingProgress.IsLive(AnsiConsole.Console))
            return work(rate.Every(s_interval, (figures, text) => Console.WriteLine($"{what}: {Readable.Percent(figures.Share)}, {text}")));
        return AnsiConsole
            .Progress()
            .Columns(new ProgressBarColumn(), new PercentageColumn(), new TaskDescriptionColumn { Alignment = Justify.Left })
            .Start(context =>
            {
                var task = context.AddTask(what, maxValue: 1);
                return work(
                    rate.Every(
                        s_refresh,
                        (figures, text) =>
                        {
                            task.Value = figures.Share;
                            task.Description = $"{what}: {text}";
                        }
                    )
                );
            });
    }
}
