using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Security;
using Microsoft.Extensions.Logging;

namespace ClipTrain.Coordinator.Clustering;

/// <summary>
/// Wraps the membership table of an Orleans provider with clear errors: one error if the store is not available at the start, and while
/// the cluster runs one line when it is lost and one when it answers again.
/// </summary>
/// <param name="inner">The provider's table.</param>
/// <param name="name">Name of the store, without a password.</param>
/// <param name="security">Credentials of the cluster.</param>
/// <param name="prepare">Creates the schema that the provider expects; null if it needs none.</param>
/// <param name="logger">Receives the lines.</param>
internal sealed partial class MembershipStore(
    IMembershipTable inner,
    string name,
    ClusterSecurity security,
    Func<Task>? prepare,
    ILogger<MembershipStore> logger
) : IMembershipTable
{
    private int _isLost;
    private IReadOnlyList<MembershipEntry> _lastRead = [];

    /// <summary>The members at this process's last read, at most a few seconds ago.</summary>
    public IReadOnlyList<MembershipEntry> LastRead => Volatile.Read(ref _lastRead);

    /// <summary>
    /// Returns true if a member is certainly dead; null if this cannot be determined. A joining silo waits long for members that the
    /// table wrongly lists as alive.
    /// </summary>
    public Func<SiloAddress, bool>? IsKnownDead { get; set; }

    /// <summary>
    /// Opens the store and checks that its members accept this process, before a silo starts: a started silo cannot be undone.
    /// </summary>
    /// <exception cref="CoordinatorStartException">The store is not available, or a member rejects this process.</exception>
    public Task OpenAsync() =>
        GuardAsync(async () =>
        {
            if (prepare is not null)
            {
                await prepare();
            }

            await inner.InitializeMembershipTableAsync(tryInitTableVersion: true, CancellationToken.None);
            await JoinCheck.RunAsync(await inner.ReadAllAsync(CancellationToken.None), security, TimeProvider.System);
        });

    /// <summary>Marks known dead members; the store is already open.</summary>
    /// <exception cref="CoordinatorStartException">The store is no longer available.</exception>
    public Task InitializeMembershipTable(bool tryInitTableVersion) => GuardAsync(() => BuryAsync(IsKnownDead ?? (_ => false)));

    public Task DeleteMembershipTableEntries(string clusterId) =>
        WatchAsync(async () =>
        {
            await inner.DeleteMembershipTableEntriesAsync(clusterId, CancellationToken.None);
            return true;
        });

    public Task CleanupDefunctSiloEntries(DateTimeOffset beforeDate) =>
        WatchAsync(async () =>
        {
            await inner.CleanupDefunctSiloEntriesAsync(beforeDate, CancellationToken.None);
            return true;
        });

    public Task<MembershipTableData> ReadRow(SiloAddress key) => WatchAsync(() => inner.ReadRowAsync(key, CancellationToken.None));

    public Task<MembershipTableData> ReadAll() =>
        WatchAsync(async () =>
        {
            var table = await inner.ReadAllAsync(CancellationToken.None);
            Volatile.Write(ref _lastRead, [.. table.Members.Select(member => member.Item1)]);
            return table;
        });

    public Task<bool> InsertRow(MembershipEntry entry, TableVersion tableVersion) =>
        WatchAsync(() => inner.InsertRowAsync(entry, tableVersion, CancellationToken.None));

    public Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion) =>
        WatchAsync(() => inner.UpdateRowAsync(entry, etag, tableVersion, CancellationToken.None));

    public Task UpdateIAmAlive(MembershipEntry entry) =>
        WatchAsync(async () =>
        {
            await inner.UpdateIAmAliveAsync(entry, CancellationToken.None);
            return true;
        });

    private async Task GuardAsync(Func<Task> start)
    {
        try
        {
            await start();
        }
        catch (Exception error) when (error is not CoordinatorStartException)
        {
            throw new CoordinatorStartException(
                $"The cluster's membership store cannot be used: {name}: {error.Message.Split('\n')[0]}",
                error
            );
        }
    }

    /// <summary>Marks known dead members as dead, and skips rows that another process changes meanwhile.</summary>
    private async Task BuryAsync(Func<SiloAddress, bool> isDead)
    {
        var table = await inner.ReadAllAsync(CancellationToken.None);
        foreach (var (member, etag) in table.Members.Where(row => row.Item1.Status != SiloStatus.Dead && isDead(row.Item1.SiloAddress)))
        {
            member.Status = SiloStatus.Dead;
            if (await inner.UpdateRowAsync(member, etag, table.Version.Next(), CancellationToken.None))
            {
                LogBuried(member.SiloName, member.SiloAddress);
                table = await inner.ReadAllAsync(CancellationToken.None);
            }
        }
    }

    private async Task<T> WatchAsync<T>(Func<Task<T>> call)
    {
        try
        {
            var answer = await call();
            if (Interlocked.Exchange(ref _isLost, 0) != 0)
            {
                LogBack(name);
            }

            return answer;
        }
        catch (Exception error)
        {
            if (Interlocked.Exchange(ref _isLost, 1) == 0)
            {
                LogLost(name, error.Message.Split('\n')[0]);
            }

            throw;
        }
    }

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "The cluster's membership store {Store} does not answer. The run continues, but until the store answers, coordinator "
            + "processes can neither join nor replace ones that die. ({Reason})"
    )]
    private partial void LogLost(string store, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The coordinator process {Name} ({Silo}) ended unexpectedly.")]
    private partial void LogBuried(string name, SiloAddress silo);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The cluster's membership store {Store} answers again.")]
    private partial void LogBack(string store);
}
