using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace ClipTrain.Soak;

/// <summary>The processes of a disturbed run: a coordinator and workers, each under a supervisor.</summary>
internal sealed class Fleet : IAsyncDisposable
{
    public const string RunName = "soak";
    private static readonly TimeSpan EndLimit = TimeSpan.FromSeconds(60);

    /// <summary>What a worker may end with on its own: its coordinator or its place was gone, and its supervisor starts it again.</summary>
    private const int WorkerLost = 6;

    /// <summary>128 + SIGTERM: stopped at a checkpoint.</summary>
    private const int Terminated = 143;

    private readonly IHosts _hosts;
    private readonly Violations _violations;
    private readonly IPEndPoint _endpoint;
    private int? _coordinatorExit;
    private bool _isStopping;

    public Fleet(TinyRun run, SoakOptions options, IHosts hosts, Violations violations, TimeProvider time)
    {
        (_hosts, _violations) = (hosts, violations);
        _endpoint = new IPEndPoint(IPAddress.Parse(hosts.Address(1)), FreePort());
        Touches = new Touches(time);
        string[] configuration = run.Configuration(RunName, options, keptCheckpoints: 5);
        Coordinator = new Supervised(
            "coordinator", () => run.Program(hosts.Prefix(1), ["coordinator", .. configuration, "--listen", _endpoint.ToString()]), CoordinatorEnded, run.Log("coordinator"), time);
        Workers = [.. Enumerable.Range(0, options.Workers).Select(i => new Supervised(
            WorkerName(i), () => run.Program(hosts.Prefix(HostOf(i)), "worker", "--coordinator", $"http://{_endpoint}", "--name", WorkerName(i), "--address", hosts.Address(HostOf(i)), "--cores", "1"),
            exit => WorkerEnded(i, exit), run.Log(WorkerName(i)), time))];
    }

    public Supervised Coordinator { get; }

    public IReadOnlyList<Supervised> Workers { get; }

    public Touches Touches { get; }

    /// <summary>How often a worker ended because it was refused or had lost its coordinator.</summary>
    public int Refusals { get; private set; }

    private IEnumerable<Supervised> All => [Coordinator, .. Workers];

    public void Start()
    {
        foreach (var process in All)
            process.Start();
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

    /// <summary>Asks the run to stop at a checkpoint, and checks that all of it ends well.</summary>
    public async Task StopAsync()
    {
        _isStopping = true;
        foreach (var process in All)
            process.Retire();
        Coordinator.Signal(Posix.Terminate);
        foreach (var process in All)
        {
            try
            {
                await process.EndAsync(EndLimit);
            }
            catch (TimeoutException)
            {
                _violations.Add($"{process.Name} did not end within {EndLimit.TotalSeconds} s of the coordinator's SIGTERM");
            }
        }

        if (_coordinatorExit is { } exit and not Terminated)
            _violations.Add($"the coordinator ended with exit code {exit} after SIGTERM, not {Terminated}");
        if (!IsFree(_endpoint))
            _violations.Add($"{_endpoint} is still in use");
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in All)
            await process.DisposeAsync();
    }

    private static string WorkerName(int worker) => string.Create(CultureInfo.InvariantCulture, $"w{worker}");

    private static int HostOf(int worker) => worker + 2;

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static bool IsFree(IPEndPoint endpoint)
    {
        if (!IPAddress.IsLoopback(endpoint.Address))
            return true;
        try
        {
            using var listener = new TcpListener(endpoint);
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

    private void CoordinatorEnded(int exit)
    {
        _coordinatorExit = exit;
        if (!_isStopping)
            _violations.Add($"the run ended by itself: the coordinator ended with exit code {exit}");
    }

    private void WorkerEnded(int worker, int exit)
    {
        Touches.Add(WorkerName(worker));
        if (exit == WorkerLost)
            Refusals++;
        else if (exit != 0 || !_isStopping)
            _violations.Add($"{WorkerName(worker)} ended by itself with exit code {exit}");
    }
}
