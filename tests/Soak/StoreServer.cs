using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using ClipTrain.Coordinator.Clustering;
using Npgsql;
using StackExchange.Redis;

namespace ClipTrain.Soak;

/// <summary>A Redis or PostgreSQL server from Debian's packages, on a free loopback port, with its data in a temporary folder.</summary>
internal sealed class StoreServer : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly ClusteringKind _kind;
    private readonly string _folder = Directory.CreateTempSubdirectory("cliptrain-store-").FullName;
    private readonly int _port;
    private Process? _process;
    private ConnectionMultiplexer? _redis;

    private StoreServer(ClusteringKind kind)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        (_kind, _port) = (kind, ((IPEndPoint)listener.LocalEndpoint).Port);
    }

    public string ConnectionString =>
        _kind == ClusteringKind.Redis
            ? $"127.0.0.1:{_port},connectTimeout=2000,abortConnect=false"
            : $"Host=127.0.0.1;Port={_port};Username=soak;Database=postgres";

    /// <summary>PostgreSQL refuses to run as root.</summary>
    private string[] AsUser =>
        _kind == ClusteringKind.Postgres && Environment.IsPrivilegedProcess
            ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
            : [];

    private string Database => Path.Combine(_folder, "database");

    private string[] Command =>
        _kind == ClusteringKind.Redis
            ? ["redis-server", "--port", Port, "--bind", "127.0.0.1", "--dir", _folder, "--save", "3600 1", "--daemonize", "no"]
            :
            [
                .. AsUser,
                PostgresProgram("postgres"),
                "-D",
                Database,
                "-p",
                Port,
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                $"unix_socket_directories={_folder}",
                "-c",
                "fsync=off",
            ];

    private string Port => _port.ToString(CultureInfo.InvariantCulture);

    /// <summary>Starts a server of the given kind; null for files, which need none.</summary>
    public static async Task<StoreServer?> StartAsync(ClusteringKind kind)
    {
        if (kind == ClusteringKind.File)
        {
            return null;
        }

        var server = new StoreServer(kind);
        if (kind == ClusteringKind.Postgres)
        {
            if (server.AsUser.Length > 0)
            {
                await FinishAsync("chown", "postgres", server._folder);
            }

            await FinishAsync([
                .. server.AsUser,
                PostgresProgram("initdb"),
                "-D",
                server.Database,
                "-U",
                "soak",
                "-A",
                "trust",
                "--locale=C",
                "--no-sync",
                "--no-instructions",
            ]);
        }

        await server.StartAsync();
        return server;
    }

    /// <summary>Starts it on its existing data and waits until it accepts connections.</summary>
    public async Task StartAsync()
    {
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _process = Start(Command);
        _process.OutputDataReceived += Read;
        _process.ErrorDataReceived += Read;
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
        await ready.Task.WaitAsync(Limit);

        void Read(object sender, DataReceivedEventArgs line)
        {
            if (
                line.Data is { } text
                && (
                    text.Contains("Ready to accept connections", StringComparison.Ordinal)
                    || text.Contains("ready to accept connections", StringComparison.Ordinal)
                )
            )
            {
                ready.TrySetResult();
            }
        }
    }

    /// <summary>Shuts it down cleanly and keeps its data.</summary>
    public async Task StopAsync()
    {
        if (_process is { } process)
        {
            Posix.Send(process.Id, Posix.Interrupt);
            await process.WaitForExitAsync();
            process.Dispose();
            _process = null;
        }
    }

    /// <summary>Number of members that the table lists as active; 0 while the server does not answer.</summary>
    public int ActiveMembers()
    {
        try
        {
            return _kind == ClusteringKind.Redis ? RedisMembers() : PostgresMembers();
        }
        catch (Exception error) when (error is RedisException or NpgsqlException or TimeoutException)
        {
            return 0;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _redis?.Dispose();
        await StopAsync();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Each cluster is a hash with one entry per member, as JSON.</summary>
    private int RedisMembers()
    {
        _redis ??= ConnectionMultiplexer.Connect(ConnectionString);
        var entries =
            from key in _redis.GetServer(IPAddress.Loopback, _port).Keys(pattern: "*members*")
            from entry in _redis.GetDatabase().HashGetAll(key)
            select entry.Value.ToString();
        return entries.Count(entry => entry.Contains($"\"Status\":{(int)SiloStatus.Active}", StringComparison.Ordinal));
    }

    private int PostgresMembers()
    {
        using var connection = new NpgsqlConnection(ConnectionString);
        connection.Open();
        using var command = new NpgsqlCommand($"SELECT count(*) FROM cliptrain.member WHERE status = {(int)SiloStatus.Active}", connection);
        return Convert.ToInt32(command.ExecuteScalar(), CultureInfo.InvariantCulture);
    }

    private static string PostgresProgram(string name) =>
        Path.Combine(Directory.GetDirectories("/usr/lib/postgresql").Order(StringComparer.Ordinal).Last(), "bin", name);

    private static async Task FinishAsync(params string[] command)
    {
        using var process = Start(command);
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{string.Join(' ', command)}: {await output}{errors}");
        }
    }

    private static Process Start(string[] command) =>
        Process.Start(
            new ProcessStartInfo(command[0], command[1..])
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                WorkingDirectory = "/",
            }
        )!;
}
