using System.Diagnostics;
using ClipTrain.Cli.Sweeps;
using ClipTrain.Tests.Shared;

namespace ClipTrain.Cli.Tests.Sweeps;

public sealed class NodeProcessesTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_node_waits_for_what_an_earlier_process_of_it_started_and_for_the_descendants()
    {
        var go = _folder.File("go");
        using (var fifo = Process.Start("mkfifo", [go]))
        {
            await fifo.WaitForExitAsync();
        }

        var processes = new NodeProcesses(_folder.File("lock"));
        using (var trial = Process.Start(processes.Prefix[0], [.. processes.Prefix.Skip(1), "sh", "-c", $"cat {go} & exit 0"]))
        {
            await trial.WaitForExitAsync();
        }

        // The process has ended, and has left another.
        var told = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        var waiting = processes.WaitAsync(told.SetResult, CancellationToken.None);
        Assert.Contains("have stopped at a checkpoint", await told.Task.WaitAsync(Limit), StringComparison.Ordinal);
        Assert.False(waiting.IsCompleted);

        await Task.Run(() => File.WriteAllText(go, "")).WaitAsync(Limit);
        await waiting.WaitAsync(Limit);
    }

    [Fact]
    public async Task A_node_that_is_to_leave_waits_no_longer()
    {
        var processes = new NodeProcesses(_folder.File("lock"));
        using var trial = Process.Start(
            new ProcessStartInfo(processes.Prefix[0], [.. processes.Prefix.Skip(1), "sh", "-c", "echo ready; read x"])
            {
                UseShellExecute = false,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
            }
        )!;
        Assert.Equal("ready", await trial.StandardOutput.ReadLineAsync().WaitAsync(Limit));
        using var leave = new CancellationTokenSource();
        var waiting = processes.WaitAsync(_ => { }, leave.Token);
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.WaitAsync(Limit));
        trial.StandardInput.Close();
        await trial.WaitForExitAsync();
    }
}
