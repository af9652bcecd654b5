using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>From workers that wait to a generation in which each has its rank.</summary>
internal static class Formation
{
    /// <summary>
    /// Forms a generation when it can be formed. The first waits for all workers until its time is over, then for the
    /// minimum; a later one waits for those that are leaving the generation before, then for the minimum.
    /// </summary>
    public static void TryForm(TurnContext turn)
    {
        var state = turn.State;
        var joined = state.Members.Where(member => member.Status == MemberStatus.Joined).ToList();
        var waitsForAll = state.IsFirstForming && turn.Now < state.Deadline && joined.Count < state.Spec.Workers;
        if (waitsForAll || state.Members.Any(member => member.Status == MemberStatus.Leaving))
        {
            return;
        }

        if (joined.Count < state.Spec.MinWorkers)
        {
            SayThatItWaits(turn, joined.Count);
            return;
        }

        var taken = StateSource.Take(joined, state.Spec.MaxWorkers);
        var place = StateSource.Assign(state, taken);
        if (state.FruitlessGenerations >= state.Spec.MaxFruitlessGenerations && place.StartStep <= state.FurthestStep)
        {
            Draining.Begin(turn, OutcomeKind.Failed);
            Draining.Settle(turn);
        }
        else
        {
            Form(turn, taken, place);
        }
    }

    /// <summary>More workers than the run takes wait until there is room; each is told of once.</summary>
    public static void NameSpares(TurnContext turn)
    {
        var most = turn.State.Spec.MaxWorkers;
        if (turn.State.Phase != RunPhase.Running || turn.State.Members.Count(member => member.IsAssigned) < most)
        {
            return;
        }

        foreach (var spare in turn.State.Members.Where(member => member.Status == MemberStatus.Joined && !member.IsSpare).ToList())
        {
            turn.Change(spare with { IsSpare = true });
            turn.Warn($"{spare.Label} waits as a spare: the run takes at most {most} workers");
        }
    }

    /// <summary>The place of a member of the generation that runs.</summary>
    public static Assignment AssignmentOf(RunState state, Member member) => state.Assignment! with { Rank = member.Rank!.Value };

    private static void Form(TurnContext turn, IReadOnlyList<Member> taken, Assignment place)
    {
        var placed = taken.Select((member, rank) => member with
        {
            Status = MemberStatus.Training,
            Rank = rank,
            Generation = place.Generation,
            CommittedStep = place.StartStep,
            Outcome = null,
            HasBeaten = false,
            IsSuspected = false,
            IsSpare = false,
            FruitlessStarts = 0,
        }).ToList();
        turn.Change(turn.State with
        {
            Phase = RunPhase.Running,
            Assignment = place,
            IsPlannedRegroup = false,
            Deadline = null,
            NextNotice = null,
            CommittedStep = place.StartStep,
            RecordedStep = Math.Min(turn.State.RecordedStep, place.StartStep),
            Stragglers = new StragglerWatch(),

            // Those who left for good are forgotten: workers of ever new names may come and go for weeks.
            Members = [.. turn.State.Members.Where(member => member.IsLocal || member.IsLiving)],
        });
        foreach (var member in placed)
        {
            turn.Change(member);
        }

        Progress.Note(turn, place.StartStep);
        turn.Do(new RunEffect.RecordGeneration(Record(turn)));
        foreach (var member in placed)
        {
            turn.Answer(member.WorkerId, HeldCall.Join, new RunReply.Assigned(AssignmentOf(turn.State, member)));
        }

        NameSpares(turn);
    }

    /// <summary>The generation that runs, for the ledger.</summary>
    public static GenerationRecord Record(TurnContext turn)
    {
        var workers = turn.State.Members.Where(member => member.IsAssigned).OrderBy(member => member.Rank).Select(member => member.WorkerId);
        return new GenerationRecord(turn.State.Generation, turn.State.Assignment!.StartStep, [.. workers], turn.Now);
    }

    private static void SayThatItWaits(TurnContext turn, int joined)
    {
        var state = turn.State;
        if (state.NextNotice is null || turn.Now >= state.NextNotice)
        {
            turn.Refresh(state with { NextNotice = turn.Now + state.Spec.Timeouts.WaitingNotice });
            turn.Warn($"waits for workers: {joined} of at least {state.Spec.MinWorkers} have joined");
        }
    }
}
