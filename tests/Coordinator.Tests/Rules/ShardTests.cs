using System.Text.Json;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

public sealed class ShardTests
{
    private static readonly Shard Example = new(
        2,
        1,
        16,
        8,
        [new ShardEpoch(0, 3, [new RowGroupRange(0, 4, 2), new RowGroupRange(7, 0, 1)])]
    );

    [Fact]
    public void Every_set_of_row_groups_has_one_form_and_holds_exactly_its_members()
    {
        // All subsets of two files of four row groups each.
        (int File, int RowGroup)[] all = [.. Enumerable.Range(0, 8).Select(i => (i / 4, i % 4))];
        var forms = new HashSet<string>(StringComparer.Ordinal);
        for (var mask = 0; mask < 256; mask++)
        {
            var set = all.Where((_, i) => (mask >> i & 1) == 1).ToList();
            var epoch = new ShardEpoch(0, 0, RowGroupRange.Merge(set));
            Assert.Equal(epoch.RowGroups, RowGroupRange.Merge(set.AsEnumerable().Reverse().Concat(set)));
            Assert.All(all, group => Assert.Equal(set.Contains(group), epoch.Holds(group.File, group.RowGroup)));
            Assert.Equal(set.Count, epoch.RowGroups.Sum(range => range.Count));
            Assert.True(forms.Add(string.Join(';', epoch.RowGroups)));
        }

        Assert.Equal([new RowGroupRange(0, 0, 4), new RowGroupRange(1, 0, 4)], RowGroupRange.Merge(all));
    }

    [Fact]
    public void The_digest_is_the_same_in_every_version() => Assert.Equal(14621461043269625477, Example.Digest());

    [Fact]
    public void Whatever_differs_changes_the_digest()
    {
        var epoch = Example.Epochs[0];
        Shard[] shards =
        [
            Example,
            Example with
            {
                FirstLane = 3,
            },
            Example with
            {
                Lanes = 2,
            },
            Example with
            {
                BatchStart = 17,
            },
            Example with
            {
                BatchCount = 9,
            },
            Example with
            {
                FirstLane = 1,
                Lanes = 2,
            },
            Example with
            {
                Epochs = [],
            },
            Example with
            {
                Epochs = [epoch, epoch with { Epoch = 4 }],
            },
            Example with
            {
                Epochs = [epoch with { Corpus = 1 }],
            },
            Example with
            {
                Epochs = [epoch with { Epoch = 4 }],
            },
            Example with
            {
                Epochs = [epoch with { RowGroups = [new RowGroupRange(0, 4, 2)] }],
            },
            Example with
            {
                Epochs = [epoch with { RowGroups = [new RowGroupRange(0, 4, 3), new RowGroupRange(7, 0, 1)] }],
            },
            Example with
            {
                Epochs = [epoch with { RowGroups = [new RowGroupRange(0, 4, 2), new RowGroupRange(7, 1, 1)] }],
            },
        ];
        Assert.Equal(shards.Length, shards.Select(shard => shard.Digest()).Distinct().Count());
        Assert.Equal(Example.Digest(), (Example with { Epochs = [epoch with { RowGroups = [.. epoch.RowGroups] }] }).Digest());
    }

    [Fact]
    public void A_shard_survives_JSON()
    {
        var back = JsonSerializer.Deserialize(
            JsonSerializer.Serialize(Example, CoordinatorJson.Default.Shard),
            CoordinatorJson.Default.Shard
        )!;
        Assert.Equivalent(Example, back, strict: true);
        Assert.Equal(Example.Digest(), back.Digest());
    }

    [Fact]
    public void A_ledger_of_a_version_without_shards_can_still_be_read()
    {
        const string Line = """{"generation":{"generation":1,"startStep":0,"workers":["worker-0"],"time":"2030-01-01T00:00:00+00:00"}}""";
        var old = JsonSerializer.Deserialize(Line, CoordinatorJson.Default.LedgerEntry)!;
        Assert.Null(old.Generation!.Shards);
        Assert.Equal(Line, JsonSerializer.Serialize(old, CoordinatorJson.Default.LedgerEntry));

        var entry = new LedgerEntry(old.Generation with { Shards = [Example.Digest(), ulong.MaxValue] });
        Assert.Equivalent(
            entry,
            JsonSerializer.Deserialize(
                JsonSerializer.Serialize(entry, CoordinatorJson.Default.LedgerEntry),
                CoordinatorJson.Default.LedgerEntry
            ),
            strict: true
        );
    }
}
