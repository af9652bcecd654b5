using System.Diagnostics;
using System.Globalization;
using System.Net;
using ClipTrain.Monitoring.Page;

// Cost of the live page of a long run: reading the metrics, opening pages and following the run. Arguments: steps, pages.
var steps = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 1_000_000;
var pages = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 10;
var folder = Directory.CreateTempSubdirectory("cliptrain-page-").FullName;
try
{
    var run = Directory.CreateDirectory(Path.Combine(folder, "run")).FullName;
    File.WriteAllText(Path.Combine(run, "config.yaml"), "name: run\n");
    var metrics = Path.Combine(run, "metrics.jsonl");
    using (var writer = new StreamWriter(metrics))
    {
        for (var step = 1; step <= steps; step++)
        {
            writer.Write(Line(step));
        }
    }

    Console.WriteLine($"{steps:N0} steps, {new FileInfo(metrics).Length / 1e6:F0} MB");
    var watch = Stopwatch.StartNew();
    await using var server = await PageServer.StartAsync(
        new IPEndPoint(IPAddress.Loopback, 0),
        token: null,
        new RunBoard(() => [run], TimeProvider.System)
    );
    Console.WriteLine(
        $"read once in {watch.Elapsed.TotalSeconds:F2} s; managed memory {GC.GetTotalMemory(forceFullCollection: true) / 1e6:F1} MB"
    );

    using var client = new HttpClient { BaseAddress = server.Address };
    const string Names = "samples,epoch,seconds,loss,learning_rate,gradient_norm,logit_scale,images_per_second,data_wait_share";
    string[] opening =
    [
        "/",
        "/uPlot.js",
        "/uPlot.css",
        "/data.js",
        "/charts.js",
        "/page.js",
        "/page.css",
        "/api/runs",
        $"/api/series?run=run&points=1000&names={Names}",
    ];
    foreach (var round in Enumerable.Range(1, 5))
    {
        watch.Restart();
        long bytes = 0;
        foreach (var path in opening)
        {
            bytes += (await client.GetByteArrayAsync(path)).Length;
        }

        var whole = watch.Elapsed;
        watch.Restart();
        var middle = (
            await client.GetByteArrayAsync($"/api/series?run=run&points=1000&from={steps / 2}&to={(steps / 2) + 2000}&names={Names}")
        ).Length;
        Console.WriteLine(
            $"opening {round}: {whole.TotalMilliseconds:F0} ms, {bytes / 1e3:F0} KB; 2,000 steps from the middle: "
                + $"{watch.Elapsed.TotalMilliseconds:F0} ms, {middle / 1e3:F0} KB"
        );
    }

    // Pages that follow a run of ten steps a second for twenty seconds.
    using var stop = new CancellationTokenSource();
    var followers = Enumerable.Range(0, pages).Select(_ => Task.Run(() => FollowAsync(stop.Token))).ToArray();
    var before = Process.GetCurrentProcess().TotalProcessorTime;
    watch.Restart();
    for (var i = 1; i <= 200; i++)
    {
        File.AppendAllText(metrics, Line(steps + i));
        await Task.Delay(100);
    }

    var share = (Process.GetCurrentProcess().TotalProcessorTime - before) / watch.Elapsed;
    Console.WriteLine(
        $"{pages} pages that follow: {share:P2} of a core, pages included; managed memory "
            + $"{GC.GetTotalMemory(forceFullCollection: true) / 1e6:F1} MB"
    );
    await stop.CancelAsync();
    await Task.WhenAll(followers);

    async Task FollowAsync(CancellationToken cancellation)
    {
        try
        {
            using var stream = await client.GetStreamAsync("/api/events", cancellation);
            await stream.CopyToAsync(Stream.Null, cancellation);
        }
        catch (OperationCanceledException) { }
    }
}
finally
{
    Directory.Delete(folder, recursive: true);
}

static string Line(int step) =>
    string.Create(
        CultureInfo.InvariantCulture,
        $$"""{"step":{{step}},"samples":{{512L * step}},"epoch":{{step / 1000.0}},"loss":{{6 * Math.Pow(1 + step, -0.1)}}"""
            + $$""","logit_scale":{{14 + (step * 1e-6)}}"""
            + $$""","gradient_norm":{{1 + Math.Sin(step)}},"learning_rate":{{1e-3 / (1 + (step * 1e-6))}}"""
            + $$""","step_seconds":0.1,"images_per_second":5120.5,"data_wait_share":0.01,"bad_samples":0,"truncated_captions":0"""
            + $$""","loader":{"read":{"rate":285.8,"busy":0.0073,"starved":0,"blocked":0.4}"""
            + $$""","decode":{"rate":89.3,"busy":0.0085,"starved":0.0007,"blocked":0.6}"""
            + $$""","tokenize":{"rate":89.3,"busy":0.001,"starved":0,"blocked":0}"""
            + $$""","assemble":{"rate":89.3,"busy":0.001,"starved":0,"blocked":0}"""
            + $$""","queued_samples":12,"queued_batches":2}"""
            + $$""","objective":"contrastive","logit_bias":null,"corpus_epochs":null}"""
    ) + "\n";
