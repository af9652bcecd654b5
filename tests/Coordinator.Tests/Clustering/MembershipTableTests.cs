using System.Globalization;
using System.Net;
using ClipTrain.Coordinator.Clustering;

namespace ClipTrain.Coordinator.Tests.Clustering;

/// <summary>Requirements of Orleans on a membership table, for every store.</summary>
public abstract class MembershipTableTests
{
    private static readonly DateTime Start = new(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc);

    protected abstract Task<IMembershipTable> OpenAsync();

    [Fact]
    public async Task A_member_is_read_back_as_it_was_inserted()
    {
        var table = await OpenAsync();
        var entry = Entry(1);

        Assert.True(await table.InsertRowAsync(entry, await NextAsync(table), default));

        var read = Assert.Single((await table.ReadAllAsync(default)).Members).Item1;
        Assert.Equal(
            (entry.SiloAddress, entry.SiloName, entry.HostName, entry.ProxyPort, entry.Status),
            (read.SiloAddress, read.SiloName, read.HostName, read.ProxyPort, read.Status)
        );
        Assert.Equal(entry.StartTime, read.StartTime);
        Assert.Single((await table.ReadRowAsync(entry.SiloAddress, default)).Members);
        Assert.Empty((await table.ReadRowAsync(Entry(2).SiloAddress, default)).Members);
    }

    [Fact]
    public async Task Each_change_raises_the_version_by_one_and_an_outdated_version_changes_nothing()
    {
        var table = await OpenAsync();
        var outdated = await NextAsync(table);
        Assert.True(await table.InsertRowAsync(Entry(1), outdated, default));
        var before = (await table.ReadAllAsync(default)).Version.Version;

        Assert.False(await table.InsertRowAsync(Entry(2), outdated, default));
        Assert.True(await table.InsertRowAsync(Entry(3), await NextAsync(table), default));

        var after = await table.ReadAllAsync(default);
        Assert.Equal(before + 1, after.Version.Version);
        Assert.Equal(["silo-1", "silo-3"], after.Members.Select(member => member.Item1.SiloName).Order());
    }

    [Fact]
    public async Task A_member_is_not_inserted_twice()
    {
        var table = await OpenAsync();
        Assert.True(await table.InsertRowAsync(Entry(1), await NextAsync(table), default));

        Assert.False(await table.InsertRowAsync(Entry(1), await NextAsync(table), default));
    }

    [Fact]
    public async Task An_update_with_an_outdated_etag_changes_nothing()
    {
        var table = await OpenAsync();
        Assert.True(await table.InsertRowAsync(Entry(1), await NextAsync(table), default));
        var outdated = await RowAsync(table, 1);
        Assert.True(await table.UpdateRowAsync(outdated.Entry, outdated.Etag, await NextAsync(table), default));

        outdated.Entry.Status = SiloStatus.Dead;
        Assert.False(await table.UpdateRowAsync(outdated.Entry, outdated.Etag, await NextAsync(table), default));

        Assert.Equal(SiloStatus.Active, (await RowAsync(table, 1)).Entry.Status);
    }

    [Fact]
    public async Task Suspicions_and_status_are_kept()
    {
        var table = await OpenAsync();
        Assert.True(await table.InsertRowAsync(Entry(1), await NextAsync(table), default));
        var row = await RowAsync(table, 1);
        row.Entry.AddSuspector(Entry(2).SiloAddress, Start.AddSeconds(7));
        row.Entry.Status = SiloStatus.Dead;

        Assert.True(await table.UpdateRowAsync(row.Entry, row.Etag, await NextAsync(table), default));

        var read = (await RowAsync(table, 1)).Entry;
        Assert.Equal(SiloStatus.Dead, read.Status);
        Assert.Equal([new(Entry(2).SiloAddress, Start.AddSeconds(7))], read.SuspectTimes);
    }

    [Fact]
    public async Task A_member_that_is_not_there_cannot_be_updated()
    {
        var table = await OpenAsync();
        Assert.True(await table.InsertRowAsync(Entry(1), await NextAsync(table), default));
        var before = (await table.ReadAllAsync(default)).Version;

        Assert.False(await table.UpdateRowAsync(Entry(2), (await RowAsync(table, 1)).Etag, await NextAsync(table), default));

        Assert.Equal(before.Version, (await table.ReadAllAsync(default)).Version.Version);
    }

    [Fact]
    public async Task A_sign_of_life_is_kept_and_leaves_the_version_alone()
    {
        var table = await OpenAsync();
        var entry = Entry(1);
        Assert.True(await table.InsertRowAsync(entry, await NextAsync(table), default));
        var before = await table.ReadAllAsync(default);
        entry.IAmAliveTime = Start.AddMinutes(5);

        await table.UpdateIAmAliveAsync(entry, default);

        var after = await table.ReadAllAsync(default);
        Assert.Equal(before.Version.Version, after.Version.Version);
        Assert.Equal(entry.IAmAliveTime, Assert.Single(after.Members).Item1.IAmAliveTime);
    }

    [Fact]
    public async Task Cleaning_up_removes_the_long_dead_and_nobody_else()
    {
        var table = await OpenAsync();
        foreach (
            var (silo, status, alive) in new[]
            {
                (1, SiloStatus.Dead, 0),
                (2, SiloStatus.Dead, 20),
                (3, SiloStatus.Active, 0),
                (4, SiloStatus.Joining, 0),
            }
        )
        {
            var entry = Entry(silo);
            (entry.Status, entry.IAmAliveTime) = (status, Start.AddMinutes(alive));
            Assert.True(await table.InsertRowAsync(entry, await NextAsync(table), default));
            await table.UpdateIAmAliveAsync(entry, default);
        }

        await table.CleanupDefunctSiloEntriesAsync(new DateTimeOffset(Start.AddMinutes(10)), default);

        Assert.Equal(["silo-2", "silo-3"], (await table.ReadAllAsync(default)).Members.Select(member => member.Item1.SiloName).Order());
    }

    [Fact]
    public async Task Of_many_writers_of_a_version_exactly_one_succeeds()
    {
        const int Writers = 6;
        var table = await OpenAsync();
        for (var round = 0; round < 5; round++)
        {
            var next = await NextAsync(table);
            using var barrier = new Barrier(Writers);
            var entries = Enumerable.Range(round * Writers, Writers).Select(Entry).ToList();
            var written = await Task.WhenAll(
                entries.Select(entry =>
                    Task.Factory.StartNew(
                            () =>
                            {
                                barrier.SignalAndWait();
                                return table.InsertRowAsync(entry, next, default);
                            },
                            TaskCreationOptions.LongRunning
                        )
                        .Unwrap()
                )
            );
            Assert.Single(written, won => won);
        }

        Assert.Equal(5, (await table.ReadAllAsync(default)).Members.Count);
    }

    protected static MembershipEntry Entry(int silo) =>
        new()
        {
            SiloAddress = SiloAddress.New(new IPEndPoint(IPAddress.Loopback, 1000 + silo), 12345),
            SiloName = string.Create(CultureInfo.InvariantCulture, $"silo-{silo}"),
            HostName = "node",
            ProxyPort = 2000 + silo,
            Status = SiloStatus.Active,
            StartTime = Start,
            IAmAliveTime = Start,
        };

    private static async Task<TableVersion> NextAsync(IMembershipTable table) => (await table.ReadAllAsync(default)).Version.Next();

    private static async Task<(MembershipEntry Entry, string Etag)> RowAsync(IMembershipTable table, int silo)
    {
        var (entry, etag) = Assert.Single((await table.ReadRowAsync(Entry(silo).SiloAddress, default)).Members);
        return (entry, etag);
    }
}

public sealed class FileMembershipTableTests : MembershipTableTests, IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private ClusterIdentity Identity => ClusterIdentity.Open(_directory.Path);

    [Fact]
    public void A_run_keeps_one_identity_whoever_opens_it_first()
    {
        var opened = new string[8];
        using var barrier = new Barrier(opened.Length);
        var threads = opened
            .Select(
                (_, index) =>
                    new Thread(() =>
                    {
                        barrier.SignalAndWait();
                        opened[index] = Identity.ClusterId;
                    })
            )
            .ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());

        Assert.Single(opened.Distinct(StringComparer.Ordinal));
        using var other = new TemporaryDirectory();
        Assert.NotEqual(opened[0], ClusterIdentity.Open(other.Path).ClusterId);
    }

    [Fact]
    public async Task Clients_of_the_directory_find_the_gateways_of_active_silos_alone()
    {
        var table = await OpenAsync();
        var (active, dead, closed) = (Entry(1), Entry(2), Entry(3));
        dead.Status = SiloStatus.Dead;
        closed.ProxyPort = 0;
        foreach (var entry in new[] { active, dead, closed })
        {
            Assert.True(await table.InsertRowAsync(entry, (await table.ReadAllAsync(default)).Version.Next(), default));
        }

        var gateways = await new FileGatewayListProvider(Identity).GetGateways();

        Assert.Equal(active.ProxyPort, Assert.Single(gateways).Port);
    }

    public void Dispose() => _directory.Dispose();

    protected override async Task<IMembershipTable> OpenAsync()
    {
        var table = new FileMembershipTable(Identity);
        await table.InitializeMembershipTable(tryInitTableVersion: true);
        return table;
    }
}
