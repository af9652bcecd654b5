using System.Collections.Immutable;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.State;

/// <summary>Aggregates over a run's members, updated incrementally.</summary>
internal sealed record MemberTally
{
    public static readonly MemberTally Empty = new();

    /// <summary>Number of members by <see cref="MemberStatus"/>.</summary>
    public ImmutableArray<int> Statuses { get; private init; } = [.. new int[Enum.GetValues<MemberStatus>().Length]];

    /// <summary>Number of training members that have not sent a heartbeat in their generation.</summary>
    public int Silent { get; private init; }

    /// <summary>Number of managed workers by the node whose slots they occupy.</summary>
    public ImmutableDictionary<string, int> Nodes { get; private init; } = ImmutableDictionary.Create<string, int>(StringComparer.Ordinal);

    public ImmutableSortedSet<string> Unplaced { get; private init; } = ImmutableSortedSet.Create<string>(WorkerIds.NaturalOrder);

    /// <summary>Living workers by the device that they use.</summary>
    public ImmutableDictionary<string, string> Devices { get; private init; } =
        ImmutableDictionary.Create<string, string>(StringComparer.Ordinal);

    /// <summary>Number of running members by committed step. Ranks advance together, so there are few entries.</summary>
    private ImmutableSortedDictionary<long, int> Steps { get; init; } = ImmutableSortedDictionary<long, int>.Empty;

    public long? LeastCommittedStep
    {
        get
        {
            foreach (var (step, _) in Steps)
            {
                return step;
            }

            return null;
        }
    }

    /// <param name="before">The member before the change; null if it is new.</param>
    /// <param name="after">The member after the change.</param>
    public MemberTally Replace(Member? before, Member after)
    {
        // A heartbeat leaves these properties unchanged.
        var isHeartbeat =
            before is not null && before.Status == after.Status && before.NodeId == after.NodeId && before.Device == after.Device;
        var next = isHeartbeat ? this : WithPlace(before, after);
        var silent = Silent + (IsSilent(after) ? 1 : 0) - (before is not null && IsSilent(before) ? 1 : 0);
        if (silent != Silent)
        {
            next = next with { Silent = silent };
        }

        var (stepBefore, stepAfter) = (StepOf(before), StepOf(after));
        return stepBefore == stepAfter ? next : next with { Steps = Add(Add(Steps, stepAfter, 1), stepBefore, -1) };
    }

    private static bool IsSilent(Member member) => member is { Status: MemberStatus.Training, HasSentHeartbeat: false };

    private static long? StepOf(Member? member) => member is { IsAssigned: true } ? member.CommittedStep : null;

    private static ImmutableSortedDictionary<long, int> Add(ImmutableSortedDictionary<long, int> counts, long? key, int change)
    {
        if (key is not { } step)
        {
            return counts;
        }

        var count = counts.GetValueOrDefault(step) + change;
        return count == 0 ? counts.Remove(step) : counts.SetItem(step, count);
    }

    private MemberTally WithPlace(Member? before, Member after)
    {
        var (statuses, nodes, unplaced, devices) = (Statuses.ToBuilder(), Nodes, Unplaced, Devices);
        if (before is not null)
        {
            statuses[(int)before.Status]--;
            unplaced = unplaced.Remove(before.WorkerId);
            if (before.NodeId is { } left)
            {
                nodes = nodes[left] == 1 ? nodes.Remove(left) : nodes.SetItem(left, nodes[left] - 1);
            }

            if (before.Device is { } freed && devices.GetValueOrDefault(freed) == before.WorkerId)
            {
                devices = devices.Remove(freed);
            }
        }

        statuses[(int)after.Status]++;
        if (after is { IsManaged: true, Status: MemberStatus.Expected, NodeId: null })
        {
            unplaced = unplaced.Add(after.WorkerId);
        }

        if (after.NodeId is { } entered)
        {
            nodes = nodes.SetItem(entered, nodes.GetValueOrDefault(entered) + 1);
        }

        if (after is { IsLiving: true, Device: { } device })
        {
            devices = devices.SetItem(device, after.WorkerId);
        }

        return this with
        {
            Statuses = statuses.MoveToImmutable(),
            Nodes = nodes,
            Unplaced = unplaced,
            Devices = devices,
        };
    }
}
