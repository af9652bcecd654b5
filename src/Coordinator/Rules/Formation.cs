using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>Forms waiting workers into a generation in which each has a rank.</summary>
internal static class Formation
{
    /// <summary>
    /// Forms a generation if possible. The first waits for all workers until its deadline, then for the minimum; a later one waits for
    /// the members that are leaving the previous generation, then for the minimum.
    /// </summary>
    public static void TryForm(TurnContext turn)
    {
        var state = turn.State;
        var joined = state.Members.CountOf(MemberStatus.Joined);
        var waitsForAll = state.IsFirstForming && turn.Now < state.Deadline && joined < state.Spec.Workers;
        if (waitsForAll || state.Members.CountOf(MemberStatus.Leaving) > 0)
        {
            return;
        }

        if (state is { IsGoingBack: true, LastCheckpoint: null })
        {
            // There is none before the fault.
            Draining.Begin(turn, OutcomeKind.Failed);
            Draining.Settle(turn);
            return;
        }

        if (joined < state.Spec.MinWorkers)
        {
            SayThatItWaits(turn, joined);
            return;
        }

        var taken = StateSource.Take(state.Members.Where(member => member.Status == MemberStatus.Joined), state.Spec.MaxWorkers);
        var assignment = StateSource.Assign(state, taken);
        if (state.FruitlessGenerations >= state.Spec.MaxFruitlessGenerations && assignment.StartStep <= state.FurthestStep)
        {
            Draining.Begin(turn, OutcomeKind.Failed);
            Draining.Settle(turn);
        }
        else
        {
            Form(turn, taken, assignment);
        }
    }

    /// <summary>Announces a worker that waits beside a full generation, once.</summary>
    public static void NameSpare(TurnContext turn, Member member)
    {
        var most = turn.State.Spec.MaxWorkers;
        if (
            turn.State.Phase == RunPhase.Running
            && turn.State.Members.AssignedCount >= most
            && member is { Status: MemberStatus.Joined, IsSpare: false }
        )
        {
            turn.Show(member with { IsSpare = true });
            turn.Warn($"{member.Label} waits as a spare: the run takes at most {most} workers");
        }
    }

    /// <summary>The assignment of a member of the running generation.</summary>
    public static Assignment AssignmentOf(RunState state, Member member) => state.Assignment! with { Rank = member.Rank!.Value };

    private static void Form(TurnContext turn, IReadOnlyList<Member> taken, Assignment assignment)
    {
        var assigned = taken
            .Select(
                (member, rank) =>
                    member with
                    {
                        Status = MemberStatus.Training,
                        Rank = rank,
                        Generation = assignment.Generation,
                        CommittedStep = assignment.StartStep,
                        Outcome = null,
                        HasSentHeartbeat = false,
                        OldestRecord = null,
                        IsSuspected = false,
                        IsSpare = false,
                        FruitlessStarts = 0,
                        FailedOn = null,
                    }
            )
            .ToList();
        turn.Change(
            turn.State with
            {
                Phase = RunPhase.Running,
                Assignment = assignment,
                FormedAt = turn.Now,
                IsPlannedRegroup = false,
                Deadline = null,
                NextNotice = null,
                CommittedStep = assignment.StartStep,
                RecordedStep = Math.Min(turn.State.RecordedStep, assignment.StartStep),
                Stragglers = new StragglerWatch(),

                // Forget workers that left for good: new names may come and go for weeks.
                Members = MemberSet.Of(turn.State.Members.Where(member => member.IsManaged || member.IsLiving)),
            }
        );
        foreach (var member in assigned)
        {
            turn.Change(member);
        }

        Progress.Note(turn, assignment.StartStep);
        Begin(turn);
        foreach (var member in assigned)
        {
            turn.Answer(member.WorkerId, HeldCall.Join, new RunReply.Assigned(AssignmentOf(turn.State, member)));
        }

        foreach (var member in turn.State.Members)
        {
            NameSpare(turn, member);
        }
    }

    /// <summary>Records the running generation, after setting aside what it undoes if the run goes back in it.</summary>
    public static void Begin(TurnContext turn)
    {
        if (turn.State.WentBackIn == turn.State.Generation)
        {
            turn.Do(new RunEffect.GoBack(turn.State.Assignment!.StartStep));
        }

        turn.Do(new RunEffect.RecordGeneration(Record(turn)));
    }

    /// <summary>Ledger record of the running generation.</summary>
    private static GenerationRecord Record(TurnContext turn)
    {
        var workers = turn
            .State.Members.Where(member => member.IsAssigned)
            .OrderBy(member => member.Rank)
            .Select(member => member.WorkerId);
        return new GenerationRecord(turn.State.Generation, turn.State.Assignment!.StartStep, [.. workers], turn.Now)
        {
            PassedOver = turn.State.Spec.PassedOver,
        };
    }

    private static void SayThatItWaits(TurnContext turn, int joined)
    {
        var state = turn.State;
        if (state.NextNotice is null || turn.Now >= state.NextNotice)
        {
            turn.Refresh(state with { NextNotice = turn.Now + state.Spec.Timeouts.WaitingNotice });
            var unplaced = state.Members.Unplaced.Count;
            var nodes = unplaced > 0 ? $", {unplaced} wait for a node with a free slot" : "";
            turn.Warn($"waits for workers: {joined} of at least {state.Spec.MinWorkers} have joined{nodes}");
        }
    }
}
