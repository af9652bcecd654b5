using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Security;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;

namespace ClipTrain.Coordinator.Clustering;

/// <summary>
/// The membership table of Orleans' provider, with words for a store that is down: one clear error at the start, and while
/// the cluster runs one line when it is lost and one when it answers again.
/// </summary>
/// <param name="inner">The provider's table.</param>
/// <param name="name">Names the store, without its password.</param>
/// <param name="security">What members will have to prove.</param>
/// <param name="prepare">Makes what the provider expects in the store; null if it needs nothing.</param>
/// <param name="logger">Gets the lines.</param>
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

    /// <summary>The members as this process has read them last, which it does every few seconds.</summary>
    public IReadOnlyList<MembershipEntry> LastRead => Volatile.Read(ref _lastRead);

    /// <summary>
    /// Tells of a member for certain that it is dead; null where nobody can. A silo that joins asks all members that its table
    /// says are alive, and waits long for those that are not.
    /// </summary>
    public Func<SiloAddress, bool>? IsKnownDead { get; set; }

    /// <summary>
    /// Opens the store and asks its members whether they let this process in, before a silo starts: Orleans cannot take one back.
    /// </summary>
    /// <exception cref="CoordinatorStartException">The store cannot be used, or a member refuses this process.</exception>
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

    /// <summary>The silo starts with a store that is open.</summary>
    /// <exception cref="CoordinatorStartException">The store has gone since.</exception>
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

    /// <summary>Marks as dead who is known to be. What another process changes meanwhile is left to it.</summary>
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
        Message = "The cluster's membership store {Store} does not answer. The run goes on; until it answers, no coordinator process can join, and none that dies is replaced. ({Reason})"
    )]
    private partial void LogLost(string store, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The coordinator process {Name} ({Silo}) has ended without a word.")]
    private partial void LogBuried(string name, SiloAddress silo);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The cluster's membership store {Store} answers again.")]
    private partial void LogBack(string store);
}
