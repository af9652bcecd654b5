using System.Collections;
using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.State;

/// <summary>
/// The workers of a run by id, in natural order. Immutable; replacing a worker takes O(log n) and updates the aggregates that every
/// heartbeat needs. Serialized as a plain JSON array.
/// </summary>
[JsonConverter(typeof(MemberSetConverter))]
public sealed class MemberSet : IReadOnlyCollection<Member>
{
    public static readonly MemberSet Empty = new(
        ImmutableSortedDictionary.Create<string, Member>(WorkerIds.NaturalOrder),
        MemberTally.Empty
    );

    private readonly ImmutableSortedDictionary<string, Member> _members;
    private readonly MemberTally _tally;

    private MemberSet(ImmutableSortedDictionary<string, Member> members, MemberTally tally) => (_members, _tally) = (members, tally);

    public int Count => _members.Count;

    /// <summary>Number of workers in the running generation.</summary>
    public int AssignedCount => CountOf(MemberStatus.Training) + CountOf(MemberStatus.Finished);

    /// <summary>The smallest committed step in the running generation; null if none runs.</summary>
    public long? LeastCommittedStep => _tally.LeastCommittedStep;

    /// <summary>True once every worker of the generation has sent a heartbeat in it or finished it.</summary>
    public bool AllHaveReported => _tally.Silent == 0;

    /// <summary>Managed workers that wait for a free slot, in natural order.</summary>
    public ImmutableSortedSet<string> Unplaced => _tally.Unplaced;

    /// <exception cref="ArgumentException">Two members have the same id.</exception>
    public static MemberSet Of(IEnumerable<Member> members)
    {
        var builder = Empty._members.ToBuilder();
        var tally = MemberTally.Empty;
        foreach (var member in members)
        {
            builder.Add(member.WorkerId, member);
            tally = tally.Replace(null, member);
        }

        return new MemberSet(builder.ToImmutable(), tally);
    }

    public Member? Find(string workerId) => _members.GetValueOrDefault(workerId);

    public int CountOf(MemberStatus status) => _tally.Statuses[(int)status];

    /// <summary>Number of managed workers that occupy a slot of this node.</summary>
    public int CountOn(string nodeId) => _tally.Nodes.GetValueOrDefault(nodeId);

    /// <summary>The living worker that uses a device; null if it is free.</summary>
    public string? UserOf(string device) => _tally.Devices.GetValueOrDefault(device);

    /// <summary>Adds a member, or replaces the one with its id.</summary>
    public MemberSet With(Member member) => new(_members.SetItem(member.WorkerId, member), _tally.Replace(Find(member.WorkerId), member));

    public IEnumerator<Member> GetEnumerator() => _members.Values.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

internal sealed class MemberSetConverter : JsonConverter<MemberSet>
{
    public override MemberSet Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        var members = JsonSerializer.Deserialize(ref reader, CoordinatorJson.Default.ListMember) ?? [];
        try
        {
            return MemberSet.Of(members);
        }
        catch (ArgumentException error)
        {
            throw new JsonException("Two members have the same worker id.", error);
        }
    }

    public override void Write(Utf8JsonWriter writer, MemberSet value, JsonSerializerOptions options)
    {
        writer.WriteStartArray();
        foreach (var member in value)
        {
            JsonSerializer.Serialize(writer, member, CoordinatorJson.Default.Member);
        }

        writer.WriteEndArray();
    }
}
