using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>The directive for a worker: a function of the state alone, so that a lost answer does no harm.</summary>
internal static class Directives
{
    public static Directive For(RunState state, Member member) =>
        member.Status switch
        {
            _ when state.HasEnded => state.Phase == RunPhase.Completed || member.Status == MemberStatus.Finished
                ? Directive.Continue
                : Directive.Abort,
            MemberStatus.Expected or MemberStatus.Joined or MemberStatus.Finished => Directive.Continue,
            MemberStatus.Training => ForTraining(state, member),

            // After a planned regroup a rank may still be in the last exchange, which it completes on its own.
            MemberStatus.Leaving => state.IsPlannedRegroup ? Directive.Continue : Directive.Rejoin,
            MemberStatus.Saving => Directive.SaveAloneAndExit,
            MemberStatus.Lost when !member.IsManaged => Directive.Rejoin,
            _ => Directive.Abort,
        };

    /// <summary>The directive for a worker that is unknown to the run, or known as another process.</summary>
    public static Directive ForStranger(RunState state, Member? namesake, int generation)
    {
        if (state.HasEnded)
        {
            return Directive.Abort;
        }

        if (generation == 0)
        {
            return Directive.Continue;
        }

        return namesake?.Incarnation is null ? Directive.Rejoin : Directive.Abort;
    }

    /// <summary>
    /// Stop and Regroup go to every rank. Checkpoint goes to rank 0 in each answer until a checkpoint of the wanted step or
    /// a later one is written; the worker's heartbeat loop passes a repeated one on only once.
    /// </summary>
    private static Directive ForTraining(RunState state, Member member) =>
        state switch
        {
            { StopRequestedBy: not null } => Directive.Stop,
            _ when IsRegroupWanted(state) => Directive.Regroup,
            { CheckpointWantedFrom: not null } when member.Rank == 0 => Directive.Checkpoint,
            _ => Directive.Continue,
        };

    /// <summary>True if a worker is waiting, there is room for it, and the run is not about to end.</summary>
    private static bool IsRegroupWanted(RunState state) =>
        state.Members.CountOf(MemberStatus.Joined) > 0
        && state.Members.CountOf(MemberStatus.Finished) == 0
        && state.Members.AssignedCount < state.Spec.MaxWorkers;
}
