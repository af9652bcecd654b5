using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace ClipTrain.Soak;

/// <summary>The processes of a run under faults: its coordinators, and its workers, each under a supervisor.</summary>
internal sealed class Fleet : IAsyncDisposable
{
    public const string RunName = "soak";

    /// <summary>Coordinator and standby each have one port for workers and one for each other.</summary>
    private const int Ports = 4;

    private const int StandbyOffset = 2;
    private static readonly TimeSpan EndLimit = TimeSpan.FromMinutes(2);

    /// <summary>Exit codes of a worker that lost its coordinator or its rank; its supervisor restarts it.</summary>
    private const int WorkerLost = 6;

    private readonly IHosts _hosts;
    private readonly Violations _violations;
    private readonly IPAddress _address;
    private readonly int _port;
    private bool _isStopping;

    public Fleet(TinyRun run, SoakOptions options, IHosts hosts, Violations violations, TimeProvider time)
    {
        (_hosts, _violations) = (hosts, violations);
        (_address, _port) = (IPAddress.Parse(hosts.Address(1)), FreePorts());
        Touches = new Touches(time);
        var configuration = run.Configuration(RunName, options, keptCheckpoints: 5);
        Coordinators = new Coordinators(
            run,
            RunName,
            () => run.Program(hosts.Prefix(1), ["coordinator", .. configuration, "--listen", Endpoint(0)]),
            violations,
            time
        );
        var gateways = $"{Endpoint(0)},{Endpoint(StandbyOffset)}";
        Workers =
        [
            .. Enumerable
                .Range(0, options.Workers)
                .Select(i => new Supervised(
                    WorkerName(i),
                    () =>
                        run.Program(
                            hosts.Prefix(HostOf(i)),
                            "worker",
                            "--coordinator",
                            gateways,
                            "--name",
                            WorkerName(i),
                            "--address",
                            hosts.Address(HostOf(i)),
                            "--cores",
                            "1"
                        ),
                    exit => WorkerEnded(i, exit),
                    run.Log(WorkerName(i)),
                    time
                )),
        ];
    }

    public Coordinators Coordinators { get; }

    public IReadOnlyList<Supervised> Workers { get; }

    public Touches Touches { get; }

    /// <summary>Number of worker exits after a refusal or the loss of the coordinator.</summary>
    public int Refusals { get; private set; }

    /// <summary>All processes started here.</summary>
    public IEnumerable<Supervised> All => [.. Coordinators.Started, .. Workers];

    public void Start()
    {
        Coordinators.Start();
        foreach (var worker in Workers)
        {
            worker.Start();
        }
    }

    public async Task KillAsync(IEnumerable<int> workers)
    {
        var ends = new List<Task>();
        foreach (var worker in workers)
        {
            Touches.Add(WorkerName(worker));
            ends.Add(Workers[worker].KillAsync());
        }

        await Task.WhenAll(ends);
    }

    public void Freeze(int worker) => Touch(worker, () => Workers[worker].Signal(Posix.Stop));

    public void Thaw(int worker) => Touch(worker, () => Workers[worker].Signal(Posix.Continue));

    public void Cut(int worker) => Touch(worker, () => _hosts.Cut(HostOf(worker)));

    public void Return(int worker) => Touch(worker, () => _hosts.Return(HostOf(worker)));

    public void CutCoordinators() => _hosts.Cut(1);

    public void ReturnCoordinators() => _hosts.Return(1);

    /// <summary>Asks the run to stop at a checkpoint, and checks that every process exits cleanly.</summary>
    public async Task StopAsync()
    {
        _isStopping = true;
        foreach (var worker in Workers)
        {
            worker.Retire();
        }

        await EndsAsync("the run's coordinators", Coordinators.StopAsync(EndLimit));
        foreach (var worker in Workers)
        {
            await EndsAsync(worker.Name, worker.EndAsync(EndLimit));
        }

        for (var offset = 0; offset < Ports; offset++)
        {
            if (!IsFree(offset))
            {
                _violations.Add($"{Endpoint(offset)} is still in use");
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var worker in Workers)
        {
            await worker.DisposeAsync();
        }

        await Coordinators.DisposeAsync();
    }

    private async Task EndsAsync(string name, Task end)
    {
        try
        {
            await end;
        }
        catch (TimeoutException)
        {
            _violations.Add($"{name} did not exit within {EndLimit.TotalSeconds} s of the coordinator's SIGTERM");
        }
    }

    private static string WorkerName(int worker) => string.Create(CultureInfo.InvariantCulture, $"w{worker}");

    private static int HostOf(int worker) => worker + 2;

    private string Endpoint(int offset) => new IPEndPoint(_address, _port + offset).ToString();

    /// <summary>The first of the consecutive free ports that the coordinators need.</summary>
    private static int FreePorts()
    {
        while (true)
        {
            var port = Random.Shared.Next(20_000, 32_000);
            if (Enumerable.Range(port, Ports).All(it => CanListen(IPAddress.Loopback, it)))
            {
                return port;
            }
        }
    }

    private bool IsFree(int offset) => !IPAddress.IsLoopback(_address) || CanListen(_address, _port + offset);

    private static bool CanListen(IPAddress address, int port)
    {
        try
        {
            using var listener = new TcpListener(address, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private void Touch(int worker, Action action)
    {
        Touches.Add(WorkerName(worker));
        action();
    }

    private void WorkerEnded(int worker, int exit)
    {
        Touches.Add(WorkerName(worker));
        if (exit == WorkerLost)
        {
            Refusals++;
        }
        else if (exit != 0 || !_isStopping)
        {
            _violations.Add($"{WorkerName(worker)} exited unexpectedly with code {exit}");
        }
    }
}
