using System.Diagnostics;
using System.Text.RegularExpressions;
using ClipTrain.Cli.Runs;
using ClipTrain.Coordinator.Clustering;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Security;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Bench.Followed;

/// <summary>A run with simulated workers and open pages, and the memory of the process that hosts it.</summary>
internal static partial class FollowedRun
{
    private const int GlobalBatch = 64,
        Samples = 20;

    /// <summary>Steps that a heartbeat reports.</summary>
    private const int Reported = 10;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    public static async Task MeasureAsync(int steps, int pages, int workers, TextWriter output)
    {
        var folder = Directory.CreateTempSubdirectory("cliptrain-followed-").FullName;
        var (exe, first) =
            Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet"
                ? (path, new[] { typeof(FollowedRun).Assembly.Location })
                : (Environment.ProcessPath!, []);
        using var coordinator = Process.Start(
            new ProcessStartInfo(exe, [.. first, "serve", WriteRun(folder, steps, workers)])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                UseShellExecute = false,
            }
        )!;
        try
        {
            var page = await PrintedAsync(coordinator, line => PageLine().Match(line) is { Success: true } match ? match.Value : null);
            using var client = new HttpClient { BaseAddress = new Uri(page) };
            using var stop = new CancellationTokenSource();
            Task<long>[] followers = [.. Enumerable.Range(0, pages).Select(_ => FollowAsync(client, stop.Token))];

            var files = new RunFiles(Path.Combine(folder, "runs", "followed"));
            await using var cluster = await ClusterClient.ConnectAsync(
                ClusterIdentity.Open(files.Directory),
                new ClusterClientOptions(new ClusterSecurity(AccessToken.Read(files.Token)!), s_patience),
                CancellationToken.None
            );
            var run = cluster.Grains.GetGrain<IRunGrain>("followed");
            await JoinAsync(run, files, workers);
            List<(double Step, double Resident, double Live)> measured = [];
            var clock = Stopwatch.StartNew();
            for (var step = Reported; step <= steps; step += Reported)
            {
                await BeatAsync(run, step, workers);
                if (step % (steps / Samples) == 0)
                {
                    await coordinator.StandardInput.WriteLineAsync();
                    var memory = await PrintedAsync(
                        coordinator,
                        line => line.StartsWith(Served.Memory, StringComparison.Ordinal) ? line : null
                    );
                    double[] bytes = [.. memory.Split(' ')[1..].Select(double.Parse)];
                    measured.Add((step, bytes[0] / 1e6, bytes[1] / 1e6));
                    output.WriteLine($"step {Cell.Right(step, 7)}: {bytes[0] / 1e6:F1} MB private, {bytes[1] / 1e6:F2} MB of live objects");
                }
            }

            var half = measured[(measured.Count / 2)..];
            output.WriteLine(
                $"{steps:N0} steps, {workers} workers, {pages} pages, {steps / clock.Elapsed.TotalSeconds:F0} steps a second. Second half: "
                    + $"{1e3 * Slope(half, point => point.Resident):F1} kB private and {1e3 * Slope(half, point => point.Live):F2} kB of "
                    + "live objects a thousand steps"
            );
            var recorded = (await run.StatusAsync()).State!.RecordedStep;
            await stop.CancelAsync();
            var received = await Task.WhenAll(followers);
            output.WriteLine($"recorded up to step {recorded:N0}; each page received {received.Min() / 1e6:F1} MB or more of events");
            await run.StopAsync("the measurement", atOnce: true);
            await coordinator.WaitForExitAsync();
        }
        finally
        {
            coordinator.Kill(entireProcessTree: true);
            await coordinator.WaitForExitAsync();
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Slope of a least-squares line, in megabytes a thousand steps.</summary>
    private static double Slope(
        IReadOnlyList<(double Step, double Resident, double Live)> points,
        Func<(double Step, double Resident, double Live), double> of
    )
    {
        var (step, value) = (points.Average(point => point.Step), points.Average(of));
        return 1e3 * points.Sum(point => (point.Step - step) * (of(point) - value)) / points.Sum(point => Math.Pow(point.Step - step, 2));
    }

    private static async Task<string> PrintedAsync(Process process, Func<string, string?> find)
    {
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            if (find(line) is { } found)
            {
                return found;
            }
        }

        throw new InvalidOperationException("The coordinator has ended.");
    }

    /// <summary>Follows the page's events. Returns the bytes received.</summary>
    private static async Task<long> FollowAsync(HttpClient client, CancellationToken cancellation)
    {
        var (received, buffer) = (0L, new byte[1 << 16]);
        try
        {
            using var events = await client.GetStreamAsync("/api/events", cancellation);
            while (await events.ReadAsync(buffer, cancellation) is > 0 and var read)
            {
                received += read;
            }
        }
        catch (OperationCanceledException) { }

        return received;
    }

    private static async Task JoinAsync(IRunGrain run, RunFiles files, int workers)
    {
        var options = RunConfig.Load(files.Config, []).Options;
        var request = new JoinRequest(Name(0), Name(0))
        {
            ProcessId = 1,
            Host = "here",
            Address = "127.0.0.1",
            CodeVersion = ProgramVersion.Text,
            ConfigHash = ConfigHash.Of(options),
            CorpusHash = CorpusManifest.Load(files.Manifest).Hash,
        };
        await Task.WhenAll(
            Enumerable
                .Range(0, workers)
                .Select(async worker =>
                {
                    while (
                        (await run.JoinAsync(request with { WorkerId = Name(worker), Incarnation = Name(worker) })).Reply is RunReply.Held
                    )
                    {
                        // Ask again.
                    }
                })
        );
    }

    /// <summary>Every worker reports that it has reached a step; rank 0 sends the records since the last report.</summary>
    private static Task BeatAsync(IRunGrain run, int step, int workers) =>
        Task.WhenAll(
            Enumerable
                .Range(0, workers)
                .Select(worker =>
                    run.BeatAsync(
                        new Heartbeat(
                            Name(worker),
                            Name(worker),
                            1,
                            step,
                            worker == 0 ? [.. Enumerable.Range(step - Reported + 1, Reported).Select(each => Record(each, workers))] : [],
                            []
                        )
                    )
                )
        );

    /// <summary>A step of a healthy run, with the figures that real steps have.</summary>
    private static StepRecord Record(int step, int workers) =>
        new(
            1,
            new StepMetrics
            {
                Step = step,
                Samples = (long)step * GlobalBatch,
                Epoch = step / 100.0,
                Loss = 4 * Math.Pow(1 + step, -0.1) + (0.01 * Math.Sin(step)),
                LogitScale = 14 + (step * 1e-5),
                GradientNorm = 1 + (0.1 * Math.Sin(step)),
                LearningRate = 1e-3,
                StepSeconds = 0.1,
                ImagesPerSecond = 640,
                DataWaitShare = 0.01,
                BadSamples = 0,
                Phases = new Dictionary<string, double>(StringComparer.Ordinal) { ["image_forward"] = 0.3, ["image_backward"] = 0.6 },
            },
            [.. Enumerable.Range(0, workers).Select(rank => new StepShare(GlobalBatch / workers, 0, (ulong)step, 0.09))]
        );

    private static string Name(int worker) => $"simulated-{worker}";

    private static string WriteRun(string folder, int steps, int workers)
    {
        var corpus = Path.Combine(folder, "train.parquet");
        using (var writer = new CorpusWriter(corpus, rowGroupRows: 64))
        {
            // Nobody decodes the images.
            for (var row = 0; row < 64 * 100; row++)
            {
                writer.Add([0xff, 0xd8], "a caption");
            }

            writer.Complete();
        }

        File.WriteAllLines(Path.Combine(folder, "merges.txt"), ["#version: 0.2", "r e", "e d</w>", "b l", "g r", "w h"]);
        var file = Path.Combine(folder, "run.yaml");
        File.WriteAllText(
            file,
            $$"""
            name: followed
            model:
              embed_dim: 16
              image: { size: 16, patch: 8, width: 16, layers: 2, heads: 2 }
              text: { context: 12, vocabulary: 519, width: 16, layers: 2, heads: 2 }
            data: { train: [{{corpus}}], merges: {{Path.Combine(folder, "merges.txt")}} }
            training: { global_batch: {{GlobalBatch}}, steps: {{steps + 1}}, learning_rate: 0.001 }
            cluster: { workers: {{workers}}, threads_per_worker: 1 }
            output: { directory: {{Path.Combine(folder, "runs")}} }
            """
        );
        return file;
    }

    [GeneratedRegex("http://127[^ ]*", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex PageLine();
}
