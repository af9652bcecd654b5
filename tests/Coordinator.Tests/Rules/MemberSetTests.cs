using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

public sealed class MemberSetTests
{
    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 20)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Aggregates_are_what_counting_gives_after_any_changes(int seed)
    {
        var random = new Random(seed);
        var set = MemberSet.Empty;
        for (var i = 0; i < 400; i++)
        {
            var slot = random.Next(12);
            var status = (MemberStatus)random.Next(Enum.GetValues<MemberStatus>().Length);
            set = set.With(
                new Member(WorkerIds.ForSlot(slot), IsManaged: slot < 6)
                {
                    Status = status,
                    NodeId = slot < 6 && random.Next(3) > 0 ? $"node-{random.Next(3)}" : null,
                    CommittedStep = random.Next(4),
                    HasSentHeartbeat = random.Next(2) == 0,

                    // Two living workers never have one device.
                    Device = $"cuda:{slot}",
                }
            );
            AssertCounted(set);
            AssertCounted(MemberSet.Of(set.Reverse()));
        }
    }

    [Fact]
    public void An_older_set_is_as_it_was_when_a_newer_one_is_made()
    {
        var older = MemberSet.Of([new Member("a", IsManaged: false) { Status = MemberStatus.Training, CommittedStep = 3 }]);
        var newer = older.With(older.Find("a")! with { CommittedStep = 9 }).With(new Member("b", IsManaged: false));
        Assert.Equal((1, 3L), (older.Count, older.LeastCommittedStep!.Value));
        Assert.Equal((2, 9L), (newer.Count, newer.LeastCommittedStep!.Value));
        Assert.Null(older.Find("b"));
    }

    private static void AssertCounted(MemberSet set)
    {
        var members = set.ToList();
        Assert.Equal(members.Select(member => member.WorkerId).Order(WorkerIds.NaturalOrder), members.Select(member => member.WorkerId));
        Assert.All(
            Enum.GetValues<MemberStatus>(),
            status => Assert.Equal(members.Count(member => member.Status == status), set.CountOf(status))
        );
        Assert.Equal(members.Count(member => member.IsAssigned), set.AssignedCount);
        Assert.Equal(members.Where(member => member.IsAssigned).Min(member => (long?)member.CommittedStep), set.LeastCommittedStep);
        Assert.Equal(members.All(member => member.Status != MemberStatus.Training || member.HasSentHeartbeat), set.AllHaveReported);
        Assert.Equal(
            members
                .Where(member => member is { IsManaged: true, Status: MemberStatus.Expected, NodeId: null })
                .Select(member => member.WorkerId),
            [.. set.Unplaced]
        );
        Assert.All(["node-0", "node-1", "node-2"], node => Assert.Equal(members.Count(member => member.NodeId == node), set.CountOn(node)));
        Assert.All(members, member => Assert.Equal(member.IsLiving ? member.WorkerId : null, set.UserOf(member.Device!)));
        Assert.All(members, member => Assert.Same(member, set.Find(member.WorkerId)));
    }
}
