using System.Diagnostics;
using ClipTrain.Coordinator.Clustering;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Security;

namespace ClipTrain.Bench.Cluster;

/// <summary>Simulated workers of a run whose coordinator is another process.</summary>
internal static class Load
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(0.5),
        Measured = TimeSpan.FromSeconds(20),
        WarmUp = TimeSpan.FromSeconds(5),
        LongWarmUp = TimeSpan.FromSeconds(120),
        Patience = TimeSpan.FromSeconds(60);

    public static async Task JoinAsync(int workers, int connections, TextWriter output)
    {
        await using var cluster = await Coordinator.StartAsync(workers);
        var clock = Stopwatch.StartNew();
        var clients = await ConnectAsync(cluster, connections);
        var connected = clock.Elapsed;
        await AllJoinAsync(clients, workers);
        output.WriteLine(
            $"{workers} workers over {connections} connections: connected in {connected.TotalSeconds:F2} s, all assigned in "
                + $"{clock.Elapsed.TotalSeconds:F2} s; {cluster.Cpu.TotalSeconds:F2} CPU s used by the coordinator since its start"
        );
        await EndAsync(clients);
    }

    public static async Task BeatAsync(int workers, int connections, TextWriter output)
    {
        await using var cluster = await Coordinator.StartAsync(workers);
        var clients = await ConnectAsync(cluster, connections);
        await AllJoinAsync(clients, workers);
        using var end = new CancellationTokenSource();
        long beats = 0,
            slowest = 0;
        var loops = Enumerable
            .Range(0, workers)
            .Select(worker =>
                BeatAsync(
                    Run(clients, worker),
                    worker,
                    workers,
                    took =>
                    {
                        Interlocked.Increment(ref beats);
                        for (var before = Volatile.Read(ref slowest); took > before; before = Volatile.Read(ref slowest))
                        {
                            Interlocked.CompareExchange(ref slowest, took, before);
                        }
                    },
                    end.Token
                )
            )
            .ToList();
        await Task.Delay(WarmUp);
        var (cpu, count, clock) = (cluster.Cpu, Interlocked.Read(ref beats), Stopwatch.StartNew());
        Interlocked.Exchange(ref slowest, 0);
        await Task.Delay(Measured);
        var (used, done, wall) = (cluster.Cpu - cpu, Interlocked.Read(ref beats) - count, clock.Elapsed);
        output.WriteLine(
            $"{workers} workers over {connections} connections: {done / wall.TotalSeconds:F0} heartbeats per second (target "
                + $"{workers / Interval.TotalSeconds:F0}), {used / wall:F2} cores of the coordinator, "
                + $"{used.TotalMicroseconds / done:F0} CPU µs each; slowest answer {TimeSpan.FromTicks(slowest).TotalMilliseconds:F0} "
                + "ms"
        );
        await end.CancelAsync();
        await Task.WhenAll(loops);
        await EndAsync(clients);
    }

    /// <summary>Cost of one connection with two heartbeats per second for its process.</summary>
    public static async Task ConnectAsync(TextWriter output)
    {
        await using var cluster = await Coordinator.StartAsync(members: 1);
        var (memory, cpu) = (Memory(), Environment.CpuUsage.TotalTime);
        var clients = await ConnectAsync(cluster, connections: 1);
        await AllJoinAsync(clients, workers: 1);
        var starting = Environment.CpuUsage.TotalTime - cpu;
        using var end = new CancellationTokenSource();
        var loop = BeatAsync(Run(clients, 0), 0, 1, _ => { }, end.Token);

        // Lets the runtime optimise hot methods first: a worker trains for hours.
        await Task.Delay(LongWarmUp);
        cpu = Environment.CpuUsage.TotalTime;
        var clock = Stopwatch.StartNew();
        await Task.Delay(Measured);
        var share = (Environment.CpuUsage.TotalTime - cpu) / clock.Elapsed;
        output.WriteLine(
            $"a worker's connection: {(Memory() - memory) / 1e6:F1} MB, {starting.TotalSeconds:F2} CPU s to connect and join, {share:P2} "
                + "of a core afterwards"
        );
        await end.CancelAsync();
        await loop;
        await EndAsync(clients);
    }

    /// <summary>
    /// Private memory of this process, without the garbage that its collector has not given back. Pages of assemblies are backed by
    /// files and shared by the workers of a machine.
    /// </summary>
    private static long Memory()
    {
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        return 1024
            * long.Parse(
                File.ReadLines("/proc/self/status")
                    .First(line => line.StartsWith("RssAnon:", StringComparison.Ordinal))
                    .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
                System.Globalization.CultureInfo.InvariantCulture
            );
    }

    private static async Task<ConnectedClient[]> ConnectAsync(Coordinator cluster, int connections)
    {
        var options = new ClusterClientOptions(new ClusterSecurity(Server.Token), Patience);
        return await Task.WhenAll(
            Enumerable
                .Range(0, connections)
                .Select(_ => ClusterClient.ConnectAsync(ClusterIdentity.Open(cluster.Directory), options, CancellationToken.None))
        );
    }

    private static IRunGrain Run(ConnectedClient[] clients, int worker) =>
        clients[worker % clients.Length].Grains.GetGrain<IRunGrain>(Server.Run);

    private static Task AllJoinAsync(ConnectedClient[] clients, int workers) =>
        Task.WhenAll(
            Enumerable
                .Range(0, workers)
                .Select(async worker =>
                {
                    var request = new JoinRequest(Name(worker), Name(worker))
                    {
                        ProcessId = 1,
                        Host = "here",
                        Address = "127.0.0.1",
                        CodeVersion = "v",
                        ConfigHash = "c",
                        CorpusHash = "d",
                    };
                    while (await TryAsync(() => Run(clients, worker).JoinAsync(request)) is not { Reply: RunReply.Assigned })
                    {
                        // Held for a while, or not answered in time: ask again.
                    }
                })
        );

    private static async Task BeatAsync(IRunGrain run, int worker, int workers, Action<long> onAnswer, CancellationToken end)
    {
        // Spread over the interval, like workers that start at different times.
        await Task.Delay(Interval * worker / workers, CancellationToken.None);
        using var timer = new PeriodicTimer(Interval);
        for (long step = 0; !end.IsCancellationRequested; step++)
        {
            var start = Stopwatch.GetTimestamp();
            if (await TryAsync(() => run.BeatAsync(new Heartbeat(Name(worker), Name(worker), 1, step, [], []))) is not null)
            {
                onAnswer(Stopwatch.GetElapsedTime(start).Ticks);
            }

            await timer.WaitForNextTickAsync(CancellationToken.None);
        }
    }

    private static async Task<Answered?> TryAsync(Func<Task<Answered>> call)
    {
        try
        {
            return await call();
        }
        catch (TimeoutException)
        {
            return null;
        }
    }

    private static string Name(int worker) => $"w{worker}";

    private static async Task EndAsync(ConnectedClient[] clients)
    {
        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }
    }

    /// <summary>The coordinator's process and its folder.</summary>
    private sealed class Coordinator : IAsyncDisposable
    {
        private readonly Process _process;

        private Coordinator(Process process, string directory) => (_process, Directory) = (process, directory);

        public string Directory { get; }

        public TimeSpan Cpu
        {
            get
            {
                _process.Refresh();
                return _process.TotalProcessorTime;
            }
        }

        public static async Task<Coordinator> StartAsync(int members)
        {
            var directory = System.IO.Directory.CreateTempSubdirectory("cliptrain-bench-").FullName;
            var start = new ProcessStartInfo(
                Environment.ProcessPath!,
                ["serve", directory, members.ToString(System.Globalization.CultureInfo.InvariantCulture)]
            )
            {
                UseShellExecute = false,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
            };
            var process = Process.Start(start)!;
            return await process.StandardOutput.ReadLineAsync() == Server.Ready
                ? new Coordinator(process, directory)
                : throw new InvalidOperationException("The coordinator did not start.");
        }

        public async ValueTask DisposeAsync()
        {
            _process.StandardInput.Close();
            await _process.WaitForExitAsync();
            _process.Dispose();
            System.IO.Directory.Delete(Directory, recursive: true);
        }
    }
}
