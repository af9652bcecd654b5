using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using ClipTrain.Monitoring.Page;
using ClipTrain.Monitoring.Runs;

namespace ClipTrain.Monitoring.Tests.Page;

public sealed class PageServerTests : IDisposable
{
    private static readonly IPEndPoint s_anyPort = new(IPAddress.Loopback, 0);
    private readonly RunFolder _run = new();

    [Fact]
    public async Task The_page_its_files_and_its_data_are_served()
    {
        _run.Append(1, 5);
        _run.Log("INF", "generation 1: 2 workers from step 0");
        _run.Log("WRN", "Alert: step 3: <script>alert(1)</script>");
        await using var page = await StartAsync();
        using var client = new HttpClient { BaseAddress = page.Address };

        var html = await client.GetStringAsync("/");
        foreach (var file in new[] { "page.css", "data.js", "charts.js", "page.js" })
        {
            Assert.Contains(file, html, StringComparison.Ordinal);
            Assert.NotEmpty(await client.GetStringAsync(file));
        }

        var runs = await JsonAsync(client, "/api/runs");
        Assert.Equal(("run", 5), (runs[0].GetProperty("name").GetString(), runs[0].GetProperty("lastStep").GetInt32()));
        var series = await JsonAsync(client, "/api/series?run=run&names=loss&points=2");
        Assert.Equal([3, 5], series.GetProperty("step").EnumerateArray().Select(step => step.GetInt32()));
        Assert.Equal(["loss"], series.GetProperty("series").EnumerateObject().Select(member => member.Name), StringComparer.Ordinal);
        var events = (await JsonAsync(client, "/api/details?run=run")).GetProperty("events");
        Assert.Equal(
            ["generation", "alert"],
            events.EnumerateArray().Select(one => one.GetProperty("kind").GetString()),
            StringComparer.Ordinal
        );
        Assert.Equal(3, events[1].GetProperty("step").GetInt32());
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/api/series?run=other")).StatusCode);
    }

    [Fact]
    public async Task The_probe_batch_is_served_with_the_time_of_its_newest_look()
    {
        _run.Append(1, 1);
        await using var page = await StartAsync();
        using var client = new HttpClient { BaseAddress = page.Address };
        Assert.Equal(JsonValueKind.Null, (await JsonAsync(client, "/api/probe?run=run")).ValueKind);
        Assert.Equal(JsonValueKind.Null, (await JsonAsync(client, "/api/details?run=run")).GetProperty("probeTime").ValueKind);

        ProbeFile.Add(
            _run.Directory,
            ["a </script> cat"],
            ["AAAA"],
            new ProbeStep(
                5,
                [
                    [0.125],
                ]
            )
        );

        var probe = await JsonAsync(client, "/api/probe?run=run");
        Assert.Equal("a </script> cat", probe.GetProperty("captions")[0].GetString());
        Assert.Equal(0.125, probe.GetProperty("steps")[0].GetProperty("similarity")[0][0].GetDouble());
        Assert.Equal(JsonValueKind.String, (await JsonAsync(client, "/api/details?run=run")).GetProperty("probeTime").ValueKind);
    }

    [Fact]
    public async Task Another_sites_name_that_leads_here_is_refused()
    {
        await using var page = await StartAsync();
        using var client = new HttpClient { BaseAddress = page.Address };
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/runs") { Headers = { Host = "evil.example" } };
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.SendAsync(request)).StatusCode);
    }

    [Fact]
    public async Task With_a_token_only_those_who_give_it_are_answered()
    {
        await using var page = await PageServer.StartAsync(s_anyPort, "secret", Board(TimeProvider.System));
        using var client = new HttpClient { BaseAddress = page.Address };
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/")).StatusCode);
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "wrong");
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/api/runs")).StatusCode);
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", "secret");
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/api/runs")).StatusCode);
    }

    [Fact]
    public async Task Beyond_loopback_there_is_no_page_without_a_token()
    {
        await using var board = Board(TimeProvider.System);
        await Assert.ThrowsAsync<ArgumentException>(() => PageServer.StartAsync(new IPEndPoint(IPAddress.Any, 0), token: null, board));
    }

    [Fact]
    public async Task New_steps_and_events_reach_a_page_that_follows()
    {
        _run.Append(1, 1);
        var board = Board(TimeProvider.System);
        await using var page = await PageServer.StartAsync(s_anyPort, token: null, board);
        using var client = new HttpClient { BaseAddress = page.Address };
        using var reader = new StreamReader(await client.GetStreamAsync("/api/events"));
        Assert.StartsWith("retry", await reader.ReadLineAsync(), StringComparison.Ordinal);

        // Whether the page has begun to follow shows in that it is told.
        string? line = null;
        var reading = Task.Run(async () =>
        {
            while ((line = await reader.ReadLineAsync()) is not null && !line.StartsWith("data:", StringComparison.Ordinal)) { }
        });
        for (var step = 2; !reading.IsCompleted; step++)
        {
            _run.Append(step, step);
            board.Read();
            await Task.Yield();
        }

        using var news = JsonDocument.Parse(line!["data:".Length..]);
        Assert.Equal("run", news.RootElement[0].GetProperty("run").GetString());
        Assert.True(news.RootElement[0].GetProperty("steps")[0].GetProperty("step").GetInt32() >= 2);
    }

    [Fact]
    public async Task A_page_that_follows_is_told_when_a_sweep_changes()
    {
        var sweeps = new FixedSweeps([]);
        var board = new RunBoard(() => [_run.Directory], TimeProvider.System, sweeps);
        await using var page = await PageServer.StartAsync(s_anyPort, token: null, board);
        using var client = new HttpClient { BaseAddress = page.Address };
        Assert.Equal(0, (await JsonAsync(client, "/api/sweeps")).GetArrayLength());
        using var reader = new StreamReader(await client.GetStreamAsync("/api/events"));

        string? line = null;
        var reading = Task.Run(async () =>
        {
            while ((line = await reader.ReadLineAsync()) is not null && !line.StartsWith("data:", StringComparison.Ordinal)) { }
        });
        while (!reading.IsCompleted)
        {
            sweeps.Now = [FixedSweeps.Demo];
            board.ReadSweeps();
            await Task.Yield();
        }

        Assert.Equal("data: {\"sweeps\":true}", line);
        var trials = (await JsonAsync(client, "/api/sweeps"))[0].GetProperty("trials");
        Assert.Equal(("done", "running"), (trials[0].GetProperty("state").GetString(), trials[3].GetProperty("state").GetString()));
    }

    [Fact]
    public async Task A_report_holds_its_data_and_text_of_files_cannot_end_its_script()
    {
        _run.Append(1, 5);
        _run.Log("WRN", "</script><script>alert(1)</script>");
        var path = Path.Combine(_run.Directory, "out", "report.html");

        await RunReportPage.WriteAsync(path, [_run.Directory], TimeProvider.System);

        var html = await File.ReadAllTextAsync(path);
        Assert.DoesNotContain("</script><script>alert", html, StringComparison.Ordinal);
        Assert.DoesNotContain("src=", html.Replace("src=\"data:", "", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("const REPORT = {\"runs\":[{\"name\":\"run\"", html, StringComparison.Ordinal);
    }

    public void Dispose() => _run.Dispose();

    private Task<PageServer> StartAsync() => PageServer.StartAsync(s_anyPort, token: null, Board(TimeProvider.System));

    private RunBoard Board(TimeProvider time) => new(() => [_run.Directory], time);

    private static async Task<JsonElement> JsonAsync(HttpClient client, string path)
    {
        using var json = JsonDocument.Parse(await client.GetStringAsync(path));
        return json.RootElement.Clone();
    }
}
