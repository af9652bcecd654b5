using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using ClipTrain.Coordinator.Processes;

namespace ClipTrain.Cli.Sweeps;

/// <summary>
/// What a node of a pool has started on this machine. Each of these processes and its descendants hold a lock on a file, which the kernel
/// releases when the last of them has ended, even if the node was killed.
/// </summary>
/// <param name="file">The file; created.</param>
internal sealed class NodeProcesses(string file)
{
    private const int HashDigits = 16;

    private static readonly TimeSpan Unnoticed = TimeSpan.FromSeconds(1);

    /// <param name="node">Name of the node.</param>
    /// <param name="cluster">Id of the pool's cluster: another pool may have a node of this name on this machine.</param>
    public static NodeProcesses Of(string node, string cluster)
    {
        var name = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{cluster}/{node}")))[..HashDigits];
        return new NodeProcesses(Path.Combine(Path.GetTempPath(), $"cliptrain-{Environment.UserName}-{name}.lock"));
    }

    /// <summary>What precedes a command to make its process one of the node's.</summary>
    public IReadOnlyList<string> Prefix => ["flock", "--shared", "--no-fork", file];

    /// <summary>Waits until none is left, such as a trial that writes its last checkpoint since an earlier process of the node was killed.</summary>
    /// <param name="tell">Receives a line if it takes long.</param>
    /// <param name="leave">Cancelled to wait no longer.</param>
    /// <exception cref="OperationCanceledException"><paramref name="leave"/> is cancelled.</exception>
    /// <exception cref="DllNotFoundException">This machine has no flock.</exception>
    /// <exception cref="IOException">The file cannot be locked.</exception>
    public async Task WaitAsync(Action<string> tell, CancellationToken leave)
    {
        using var process = Start();
        var ended = process.WaitForExitAsync(CancellationToken.None);
        await using var onLeave = leave.Register(() => ProcessEnd.Force(process));
        if (await Task.WhenAny(ended, Task.Delay(Unnoticed, CancellationToken.None)) != ended)
        {
            tell("waiting until the trials of an earlier process of this node have stopped at a checkpoint");
        }

        await ended;
        leave.ThrowIfCancellationRequested();
        if (process.ExitCode != 0)
        {
            throw new IOException(
                string.Create(CultureInfo.InvariantCulture, $"{file} cannot be locked: flock exited with code {process.ExitCode}.")
            );
        }
    }

    private Process Start()
    {
        try
        {
            return Process.Start("flock", ["--exclusive", file, "true"]);
        }
        catch (Win32Exception error)
        {
            throw new DllNotFoundException("A node of a pool needs the commands flock, setsid and taskset: install util-linux.", error);
        }
    }
}
