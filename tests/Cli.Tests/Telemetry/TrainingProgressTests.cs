using ClipTrain.Cli.Telemetry;
using ClipTrain.Tests.Shared;
using Serilog.Events;
using Spectre.Console;

namespace ClipTrain.Cli.Tests.Telemetry;

public sealed class TrainingProgressTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public void A_pipe_gets_the_first_steps_then_a_line_every_ten_seconds_and_the_last_step()
    {
        var lines = Run(Consoles.Plain, totalSteps: 20, startStep: 0);

        // A step takes two seconds.
        Assert.Equal(
            ["training", "1/20", "2/20", "3/20", "8/20", "13/20", "18/20", "20/20"],
            lines.Select(Subject),
            StringComparer.Ordinal
        );
    }

    [Fact]
    public void A_resumed_run_logs_its_first_step()
    {
        var lines = Run(Consoles.Plain, totalSteps: 20, startStep: 10);

        Assert.EndsWith("resuming training at step 10 of 20", lines[0], StringComparison.Ordinal);
        Assert.Equal(["11/20", "12/20", "13/20", "18/20", "20/20"], lines.Skip(1).Select(Subject), StringComparer.Ordinal);
    }

    [Fact]
    public void A_line_shows_the_metrics_of_the_step()
    {
        var lines = Run(Consoles.Plain, totalSteps: 2000, startStep: 7, steps: 1);

        Assert.EndsWith(
            "INF step 8/2000 0.4% loss 0.125 32 images/s ETA 1:06:24 data wait 12.5% logit scale 14.25 gradient norm 0.5 learning rate "
                + "4.8e-4",
            lines[1],
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void Messages_are_shown_verbatim_with_their_level()
    {
        using var output = new StringWriter();
        using var logger = LogSetup.Create(Consoles.Plain(output));

        TrainingProgress.Create(Consoles.Plain(output), logger, _time).Message(LogEventLevel.Warning, "bad {0} [red]file[/]");

        Assert.EndsWith("WRN bad {0} [red]file[/]\n", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_terminal_gets_a_panel_with_the_newest_metrics()
    {
        using var output = new StringWriter();
        var console = Consoles.Terminal(output);
        using var logger = LogSetup.Create(console);
        var progress = TrainingProgress.Create(console, logger, _time);

        progress.Start(20, 0);
        progress.Step(Samples.Step(1));
        progress.Message(LogEventLevel.Information, "a message");
        progress.Step(Samples.Step(2));
        progress.Stop();
        progress.Stop();

        var text = output.ToString();
        Assert.Contains("step 0 of 20, 0.0%", text, StringComparison.Ordinal);
        // The message replaces the erased panel.
        Assert.Matches("\u001b\\[0J[0-9:]{8} INF a message", text);
        // The second step arrived within the same tenth of a second; stopping draws it anyway.
        Assert.Contains("step 2 of 20, 10.0%, 0:36 left", text, StringComparison.Ordinal);
        foreach (var figure in new[] { "loss", "images/s", "data wait", "logit scale", "gradient norm", "12.5%", "14.25", "4.8e-4" })
        {
            Assert.Contains(figure, text, StringComparison.Ordinal);
        }

        Assert.EndsWith("\u001b[?25h", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Steps_and_messages_may_come_from_several_threads()
    {
        using var output = new StringWriter();
        var console = Consoles.Terminal(TextWriter.Synchronized(output));
        using var logger = LogSetup.Create(console);
        var progress = TrainingProgress.Create(console, logger, TimeProvider.System);

        progress.Start(100, 0);
        Parallel.For(
            1,
            101,
            i =>
            {
                progress.Step(Samples.Step(i));
                progress.Message(LogEventLevel.Information, $"message {i}.");
            }
        );
        progress.Stop();

        Assert.All(Enumerable.Range(1, 100), i => Assert.Contains($"message {i}.", output.ToString(), StringComparison.Ordinal));
    }

    [Fact]
    public void Steps_after_stopping_are_ignored()
    {
        using var output = new StringWriter();
        var console = Consoles.Terminal(output);
        using var logger = LogSetup.Create(console);
        var progress = TrainingProgress.Create(console, logger, _time);
        progress.Start(20, 0);
        progress.Stop();
        var before = output.ToString();

        progress.Step(Samples.Step(1));

        Assert.Equal(before, output.ToString());
    }

    private static string Subject(string line) => line.Split(' ') is [_, _, "step", var step, ..] ? step : line.Split(' ')[2];

    private string[] Run(Func<TextWriter, IAnsiConsole> create, long totalSteps, long startStep, long? steps = null)
    {
        using var output = new StringWriter();
        var console = create(output);
        using var logger = LogSetup.Create(console);
        var progress = TrainingProgress.Create(console, logger, _time);
        progress.Start(totalSteps, startStep);
        for (var step = startStep + 1; step <= (steps is null ? totalSteps : startStep + steps); step++)
        {
            _time.Advance(2);
            progress.Step(Samples.Step(step));
        }

        progress.Stop();
        return output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
