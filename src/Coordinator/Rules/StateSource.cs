using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>Selects the training state that a generation starts from.</summary>
internal static class StateSource
{
    /// <summary>
    /// The step of a joining worker's state, if that state is part of the run's history: from the last generation, or no later than its
    /// start. A worker that was away may hold steps that the others have undone since.
    /// </summary>
    public static long? Usable(RunState state, JoinRequest request) =>
        request.HeldStep is { } held
        && state.Assignment is { } last
        && !state.IsGoingBack
        && (request.LeftGeneration == last.Generation || (request.LeftGeneration < last.Generation && held <= last.StartStep))
            ? held
            : null;

    /// <summary>The workers of the next generation, by rank. If there are too many, holders of the newest state take precedence.</summary>
    public static IReadOnlyList<Member> Take(IEnumerable<Member> members, int most)
    {
        var joined = members.ToList();
        var newest = joined.Max(member => member.HeldStep);
        return [.. joined.OrderBy(member => newest is null || member.HeldStep != newest).Take(most).Order(ByWorkerId)];
    }

    /// <summary>Rank 0's assignment in a generation of these workers. At the same step, memory is preferred to a checkpoint.</summary>
    /// <param name="taken">By rank.</param>
    public static Assignment Assign(RunState state, IReadOnlyList<Member> taken)
    {
        var checkpoint = state.LastCheckpoint;
        var newest = taken.Max(member => member.HeldStep);
        int? sourceRank =
            newest is { } held && held >= (checkpoint?.Step ?? 0) ? taken.TakeWhile(member => member.HeldStep != held).Count() : null;
        var start = sourceRank is null ? checkpoint?.Step ?? 0 : newest!.Value;
        var isFresh = sourceRank is null && checkpoint is null;
        return new Assignment(state.Generation, Rank: 0, taken.Count, start)
        {
            SourceRank = sourceRank,
            Checkpoint = sourceRank is null ? checkpoint : null,
            PassedOver = state.Spec.PassedOver,
            NeedsTransfer = taken.Count > 1 && !isFresh && taken.Any(member => member.HeldStep != start),
        };
    }

    private static readonly Comparer<Member> ByWorkerId = Comparer<Member>.Create(
        (left, right) => WorkerIds.Compare(left.WorkerId, right.WorkerId)
    );
}
