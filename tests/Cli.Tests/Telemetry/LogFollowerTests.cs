using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Tests;
using ClipTrain.Tests.Shared;

namespace ClipTrain.Cli.Tests.Telemetry;

public sealed class LogFollowerTests : IDisposable
{
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(0.5);

    private readonly TemporaryFolder _folder = new();
    private readonly ManualTimeProvider _time = new();

    private string Log => _folder.File("run.log");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_last_lines_are_shown_and_then_each_new_one_until_the_end()
    {
        File.WriteAllLines(Log, Lines(1, 30));
        using var output = new StringWriter();
        await using (LogFollower.Start(Log, output, _time))
        {
            Assert.Equal(Lines(11, 30), Shown(output));

            File.AppendAllLines(Log, Lines(31, 60));
            _time.Advance(s_interval);
            File.AppendAllText(Log, "line 61\nhalf a li");
        }

        Assert.Equal(Lines(11, 61), Shown(output));
    }

    [Fact]
    public async Task A_log_that_is_not_there_yet_is_shown_from_its_start()
    {
        using var output = new StringWriter();
        await using (LogFollower.Start(Log, output, _time))
        {
            File.WriteAllLines(Log, Lines(1, 30));
        }

        Assert.Equal(Lines(1, 30), Shown(output));
    }

    private static string[] Lines(int first, int last) => [.. Enumerable.Range(first, last - first + 1).Select(number => $"line {number}")];

    private static string[] Shown(StringWriter output) => output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
}
