using System.Globalization;
using System.Net;
using ClipTrain.Coordinator.Storage;
using Orleans.Messaging;

namespace ClipTrain.Coordinator.Clustering;

/// <summary>
/// The membership table in files of the run directory. The table is one versioned value (<see cref="VersionedFiles"/>), which provides
/// the compare-and-swap that Orleans requires. Each silo's last sign of life is the modification time of its own file, so it needs no
/// new version.
/// </summary>
/// <param name="identity">Names the folder.</param>
public sealed class FileMembershipTable(ClusterIdentity identity) : IMembershipTable
{
    private readonly string _members = MembersOf(identity);
    private readonly string _alive = Path.Combine(identity.Directory, "alive");

    /// <exception cref="IOException">The folder is not writable.</exception>
    public Task InitializeMembershipTable(bool tryInitTableVersion)
    {
        try
        {
            Directory.CreateDirectory(_members);
            Directory.CreateDirectory(_alive);
            return Task.CompletedTask;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"{identity.Directory} cannot be written: {error.Message}", error);
        }
    }

    public Task DeleteMembershipTableEntries(string clusterId)
    {
        _ = TryChange(Read(_members), _ => []);
        return Task.CompletedTask;
    }

    public Task CleanupDefunctSiloEntries(DateTimeOffset beforeDate)
    {
        var table = Read(_members);
        var defunct = table.Rows.Where(row => row.Status != nameof(SiloStatus.Active) && AliveAt(row) < beforeDate.UtcDateTime).ToList();
        if (defunct.Count > 0 && TryChange(table, rows => [.. rows.Except(defunct)]))
        {
            defunct.ForEach(row => File.Delete(AlivePath(row.Silo)));
        }

        return Task.CompletedTask;
    }

    public Task<MembershipTableData> ReadRow(SiloAddress key)
    {
        var table = Read(_members);
        return Task.FromResult(Data(table, table.Rows.Where(row => row.Silo == key.ToParsableString())));
    }

    public Task<MembershipTableData> ReadAll()
    {
        var table = Read(_members);
        return Task.FromResult(Data(table, table.Rows));
    }

    public Task<bool> InsertRow(MembershipEntry entry, TableVersion tableVersion) =>
        Task.FromResult(
            TryWrite(
                tableVersion,
                rows =>
                    rows.Any(row => row.Silo == entry.SiloAddress.ToParsableString())
                        ? null
                        : [.. rows, MembershipRow.Of(entry, tableVersion.Version)]
            )
        );

    public Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion) =>
        Task.FromResult(
            TryWrite(
                tableVersion,
                rows =>
                {
                    var silo = entry.SiloAddress.ToParsableString();
                    return rows.FirstOrDefault(row => row.Silo == silo) is { } held && Text(held.Etag) == etag
                        ? [.. rows.Select(row => ReferenceEquals(row, held) ? MembershipRow.Of(entry, tableVersion.Version) : row)]
                        : null;
                }
            )
        );

    public Task UpdateIAmAlive(MembershipEntry entry)
    {
        var path = AlivePath(entry.SiloAddress.ToParsableString());
        using (new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete))
        {
            // Create the file if it is missing.
        }

        File.SetLastWriteTimeUtc(path, entry.IAmAliveTime);
        return Task.CompletedTask;
    }

    internal static string MembersOf(ClusterIdentity identity) => Path.Combine(identity.Directory, "members");

    internal static MembershipRows Read(string members)
    {
        var (version, content) = VersionedFiles.Read(members);
        return MembershipRows.Parse(VersionedFiles.PathOf(members, version), version, content);
    }

    private bool TryWrite(TableVersion next, Func<IReadOnlyList<MembershipRow>, IReadOnlyList<MembershipRow>?> change)
    {
        var table = Read(_members);
        return Text(table.Version) == next.VersionEtag && next.Version == table.Version + 1 && TryChange(table, change);
    }

    private bool TryChange(MembershipRows table, Func<IReadOnlyList<MembershipRow>, IReadOnlyList<MembershipRow>?> change) =>
        change(table.Rows) is { } rows
        && VersionedFiles.TryAdd(_members, table.Version + 1, new MembershipRows(table.Version + 1, rows).Serialize());

    private MembershipTableData Data(MembershipRows table, IEnumerable<MembershipRow> rows) =>
        new([.. rows.Select(row => row.ToEntry(AliveAt(row)))], new TableVersion((int)table.Version, Text(table.Version)));

    /// <summary>Without a file the time is in the year 1601, before any start.</summary>
    private DateTime AliveAt(MembershipRow row)
    {
        var said = File.GetLastWriteTimeUtc(AlivePath(row.Silo));
        return said > row.Started ? said : row.Started;
    }

    private string AlivePath(string silo) => Path.Combine(_alive, SiloFileName.Of(silo));

    private static string Text(long version) => version.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Lists the gateways from <see cref="FileMembershipTable"/>, for clients with access to the run directory.</summary>
/// <param name="identity">Names the folder.</param>
public sealed class FileGatewayListProvider(ClusterIdentity identity) : IGatewayListProvider
{
    public TimeSpan MaxStaleness => TimeSpan.FromSeconds(1);

#pragma warning disable CS0618 // Obsolete, and part of the interface.
    public bool IsUpdatable => true;
#pragma warning restore CS0618

    public Task InitializeGatewayListProvider() => Task.CompletedTask;

    /// <exception cref="InvalidDataException">The membership table is damaged.</exception>
    public Task<IList<Uri>> GetGateways() =>
        Task.FromResult<IList<Uri>>([
            .. FileMembershipTable
                .Read(FileMembershipTable.MembersOf(identity))
                .Rows.Where(row => row.Status == nameof(SiloStatus.Active) && row.GatewayPort > 0)
                .Select(row => (SiloAddress.FromParsableString(row.Silo).Endpoint.Address, row.GatewayPort))
                .Select(gateway => SiloAddress.New(new IPEndPoint(gateway.Address, gateway.GatewayPort), 0).ToGatewayUri()),
        ]);
}
