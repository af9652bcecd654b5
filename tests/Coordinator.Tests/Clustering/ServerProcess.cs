using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace ClipTrain.Coordinator.Tests.Clustering;

/// <summary>
/// A server of Debian's packages on a free port of loopback, with its data in a temporary folder. It can be stopped and started
/// again.
/// </summary>
internal abstract class ServerProcess : IAsyncDisposable
{
    private Process? _process;

    protected ServerProcess(string user)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        Port = ((IPEndPoint)listener.LocalEndpoint).Port;
        User = user;
        if (Environment.IsPrivilegedProcess)
        {
            // The server runs as a user of its own, who must own the folder.
            Run("chown", user, Data);
        }
    }

    public int Port { get; }

    protected string Data { get; } = Directory.CreateTempSubdirectory("cliptrain-server-").FullName;

    private string User { get; }

    /// <summary>Starts the server and returns once it takes connections.</summary>
    public async Task StartAsync()
    {
        var (program, arguments, ready) = Command();
        var process = Launch(program, arguments);
        var isReady = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void Read(object sender, DataReceivedEventArgs line)
        {
            if (line.Data?.Contains(ready, StringComparison.Ordinal) == true)
            {
                isReady.TrySetResult();
            }
        }

        process.OutputDataReceived += Read;
        process.ErrorDataReceived += Read;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _process = process;
        await isReady.Task.WaitAsync(TimeSpan.FromMinutes(5));
    }

    /// <summary>Shuts down the server in order and keeps its data.</summary>
    public async Task StopAsync()
    {
        if (_process is { } process)
        {
            Run("kill", "-INT", process.Id.ToString(CultureInfo.InvariantCulture));
            await process.WaitForExitAsync();
            process.Dispose();
            _process = null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Directory.Delete(Data, recursive: true);
    }

    protected abstract (string Program, string[] Arguments, string Ready) Command();

    /// <summary>Runs one of the server's programs as the server's user and waits for it.</summary>
    protected void RunAsUser(string program, params string[] arguments)
    {
        using var process = Launch(program, arguments);
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program}: {output.Result}{errors}");
    }

    private Process Launch(string program, string[] arguments)
    {
        Assert.True(File.Exists(program), $"{program} is missing: run scripts/setup --peers.");
        string[] command = Environment.IsPrivilegedProcess
            ? ["setpriv", $"--reuid={User}", $"--regid={User}", "--clear-groups", program, .. arguments]
            : [program, .. arguments];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = Data,
        };
        return Process.Start(start)!;
    }

    private static void Run(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }
}

internal sealed class RedisServer() : ServerProcess("redis")
{
    public string ConnectionString => $"127.0.0.1:{Port},connectTimeout=2000";

    // With --save it keeps its data when it is stopped.
    protected override (string, string[], string) Command() =>
        (
            "/usr/bin/redis-server",
            [
                "--port",
                Port.ToString(CultureInfo.InvariantCulture),
                "--bind",
                "127.0.0.1",
                "--dir",
                Data,
                "--save",
                "3600 1",
                "--daemonize",
                "no",
            ],
            "Ready to accept connections"
        );
}

internal sealed class PostgresServer : ServerProcess
{
    private readonly string _programs;
    private readonly string _database;

    public PostgresServer()
        : base("postgres")
    {
        const string Versions = "/usr/lib/postgresql";
        Assert.True(Directory.Exists(Versions), $"{Versions} is missing: run scripts/setup --peers.");
        _programs = Path.Combine(Directory.GetDirectories(Versions).Order().Last(), "bin");
        _database = Path.Combine(Data, "database");
        RunAsUser(
            Path.Combine(_programs, "initdb"),
            "-D",
            _database,
            "-U",
            "tester",
            "-A",
            "trust",
            "--locale=C",
            "--no-sync",
            "--no-instructions"
        );
    }

    public string ConnectionString => $"Host=127.0.0.1;Port={Port};Username=tester;Database=postgres";

    protected override (string, string[], string) Command() =>
        (
            Path.Combine(_programs, "postgres"),
            [
                "-D",
                _database,
                "-p",
                Port.ToString(CultureInfo.InvariantCulture),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                $"unix_socket_directories={Data}",
                "-c",
                "fsync=off",
            ],
            "database system is ready to accept connections"
        );
}
