using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Storage;
using Microsoft.Extensions.Logging;

namespace ClipTrain.Coordinator.Clustering;

/// <summary>
/// Detects dead silos on this machine within a fraction of a second. Each silo locks its own file, and the kernel releases the lock
/// however the process ends, so a free lock proves that its silo is dead. No probe has to time out, so probes can be patient enough for
/// a machine with busy cores.
/// </summary>
internal sealed partial class DeathWatch(
    ClusterIdentity identity,
    ILocalSiloDetails self,
    MembershipStore store,
    IClusterMembershipService members,
    ILogger<DeathWatch> logger
) : ILifecycleParticipant<ISiloLifecycle>
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private readonly string _locks = Path.Combine(identity.Directory, "locks");
    private readonly CancellationTokenSource _stop = new();
    private FileLock? _mine;
    private Thread? _watch;

    public void Participate(ISiloLifecycle lifecycle)
    {
        // Lock before the silo's row is in the table: a row whose lock is free belongs to a dead silo.
        lifecycle.Subscribe(nameof(DeathWatch), ServiceLifecycleStage.First, Lock, Release);
        lifecycle.Subscribe(nameof(DeathWatch), ServiceLifecycleStage.RuntimeServices, Start, Stop);
    }

    private Task Lock(CancellationToken cancellationToken)
    {
        try
        {
            Directory.CreateDirectory(_locks);
            _mine = FileLock.TryTake(PathOf(self.SiloAddress), []);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new CoordinatorStartException($"{_locks} cannot be used: {error.Message}", error);
        }

        if (!IsFree(PathOf(self.SiloAddress)))
        {
            store.IsKnownDead = IsKnownDead;
        }

        return Task.CompletedTask;
    }

    private Task Start(CancellationToken cancellationToken)
    {
        if (store.IsKnownDead is null)
        {
            // A file system without locks, such as some network file systems.
            LogWithoutLocks(_locks);
            return Task.CompletedTask;
        }

        _watch = new Thread(Watch) { IsBackground = true, Name = "death watch" };
        _watch.Start();
        return Task.CompletedTask;
    }

    private Task Stop(CancellationToken cancellationToken)
    {
        _stop.Cancel();
        return Task.CompletedTask;
    }

    private Task Release(CancellationToken cancellationToken)
    {
        _mine?.Dispose();
        File.Delete(PathOf(self.SiloAddress));
        return Task.CompletedTask;
    }

    private void Watch()
    {
        do
        {
            foreach (var member in members.CurrentSnapshot.Members.Values)
            {
                if (member.Status is not SiloStatus.Dead && !member.SiloAddress.Equals(self.SiloAddress) && IsKnownDead(member.SiloAddress))
                {
                    Declare(member);
                }
            }
        } while (!_stop.Token.WaitHandle.WaitOne(Interval));
    }

    private void Declare(ClusterMember member)
    {
        try
        {
            if (members.TryKill(member.SiloAddress).GetAwaiter().GetResult())
            {
                LogDead(member.Name, member.SiloAddress);
                File.Delete(PathOf(member.SiloAddress));
            }
        }
        catch (Exception error)
        {
            // The table cannot be written now, or another silo wrote first. The next look retries.
            LogNotDeclared(member.Name, error.Message);
        }
    }

    private string PathOf(SiloAddress silo) => Path.Combine(_locks, SiloFileName.Of(silo.ToParsableString()));

    /// <summary>True only for silos with this machine's address, since some shared file systems keep locks local to a machine.</summary>
    private bool IsKnownDead(SiloAddress silo) => silo.Endpoint.Address.Equals(self.SiloAddress.Endpoint.Address) && IsFree(PathOf(silo));

    /// <summary>False if the lock is held or the file does not exist.</summary>
    private static bool IsFree(string path)
    {
        try
        {
            return File.Exists(path) && !FileLock.IsHeld(path);
        }
        catch (IOException)
        {
            return false;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The coordinator process {Name} ({Silo}) ended unexpectedly; the others take over.")]
    private partial void LogDead(string name, SiloAddress silo);

    [LoggerMessage(Level = LogLevel.Debug, Message = "The coordinator process {Name} has ended but is not declared dead yet: {Reason}")]
    private partial void LogNotDeclared(string name, string reason);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "{Folder} is on a file system without locks: killed coordinator processes are detected by missed probes, which "
            + "takes longer."
    )]
    private partial void LogWithoutLocks(string folder);
}

/// <summary>File names for silos.</summary>
internal static class SiloFileName
{
    public static string Of(string silo) => silo.Replace('@', '_').Replace(':', '_');
}
