using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace ClipTrain.EndToEnd.Tests;

public sealed partial class WatchTests : IDisposable
{
    private readonly TinyCorpus _corpus = new();

    [Fact]
    public async Task A_run_serves_its_page_while_it_trains_and_is_a_report_afterwards()
    {
        using var run = ProgramRun.Start(
            _corpus.Folder,
            "train",
            _corpus.RunFile,
            "--set",
            "output.page=true",
            "--set",
            "evaluation={}",
            "--set",
            "training.steps=100000"
        );
        await run.Printed("The run's page is ");
        using var client = new HttpClient { BaseAddress = new Uri(Address().Match(run.Output).Value) };

        using var reader = new StreamReader(await client.GetStreamAsync("/api/events"));
        string? line;
        while ((line = await reader.ReadLineAsync()) is not null && !line.StartsWith("data:", StringComparison.Ordinal)) { }

        using (var news = JsonDocument.Parse(line!["data:".Length..]))
        {
            Assert.Equal("tiny", news.RootElement[0].GetProperty("run").GetString());
        }

        using (var runs = JsonDocument.Parse(await client.GetStringAsync("/api/runs")))
        {
            Assert.Equal("live", runs.RootElement[0].GetProperty("phase").GetString());
        }

        Assert.Equal(0, ProgramRun.Finish(_corpus.Folder, "stop", "runs/tiny").ExitCode);
        Assert.True(run.WaitForExit() == 0, run.Output);
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, "report", "tiny", "-o", "report.html");
        Assert.True(exit == 0, output);
        Assert.Contains("\"name\":\"tiny\"", await File.ReadAllTextAsync(_corpus.PathOf("report.html")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(PosixSignal.SIGINT)]
    [InlineData(PosixSignal.SIGTERM)]
    public async Task Watching_ends_on_a_signal(PosixSignal signal)
    {
        using var watch = ProgramRun.Start(_corpus.Folder, "watch");
        await watch.Printed("The page is ");
        watch.Signal(signal);
        Assert.True(watch.WaitForExit() == 0, watch.Output);
    }

    [Fact]
    public void A_page_for_other_machines_needs_a_token_and_an_existing_run()
    {
        AssertFails("--token-file", "watch", "--listen", "0.0.0.0:0");
        AssertFails("elsewhere is not a run", "watch", "elsewhere");
        AssertFails("elsewhere is not a run", "report", "elsewhere");
        AssertFails("127.0.0.1:8080", "watch", "--listen", "nowhere");
    }

    public void Dispose() => _corpus.Dispose();

    private void AssertFails(string text, params string[] arguments)
    {
        var (exit, output) = ProgramRun.Finish(_corpus.Folder, arguments);
        Assert.True(exit == 2, output);
        Assert.Contains(text, output, StringComparison.Ordinal);
    }

    [GeneratedRegex(@"http://127\.0\.0\.1:\d+/", RegexOptions.None, matchTimeoutMilliseconds: 60_000)]
    private static partial Regex Address();
}
