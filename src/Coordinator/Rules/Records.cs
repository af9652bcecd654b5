using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>Committed steps on their way from workers to the ledger, each once and in order.</summary>
internal static class Records
{
    /// <summary>Takes what follows on the steps that are recorded; the rest was recorded already, or was undone.</summary>
    public static void Take(TurnContext turn, IReadOnlyList<StepRecord> records)
    {
        if (turn.State.Assignment is not { } place)
        {
            return;
        }

        var taken = new List<StepRecord>();
        var next = turn.State.RecordedStep + 1;
        foreach (var record in records.Where(record => IsOfThisRun(place, record)).SkipWhile(record => record.Metrics.Step < next))
        {
            var step = record.Metrics.Step;
            if (step != next && !(step > next && IsBeyondRecovery(turn.State, place, step)))
            {
                break;
            }

            if (step > next)
            {
                turn.Warn($"the records of steps {next} to {step - 1} were lost with the workers that held them; the ledger goes on at step {step}");
            }

            taken.Add(record);
            next = step + 1;
        }

        if (taken.Count > 0)
        {
            turn.Refresh(turn.State with { RecordedStep = next - 1 });
            turn.Do(new RunEffect.RecordSteps(taken));
            Progress.Note(turn, next - 1);
            WatchForStragglers(turn, taken);
        }
    }

    /// <summary>A step of the last generation, or one that it was built on: not one of a worker that was away while the others went on.</summary>
    private static bool IsOfThisRun(Assignment place, StepRecord record) => record.Generation == place.Generation
        ? record.Metrics.Step > place.StartStep
        : record.Generation < place.Generation && record.Metrics.Step <= place.StartStep;

    /// <summary>
    /// The steps before a generation's start whose records are missing: any of its workers would have sent them by now. All
    /// who held them died before they were heard, and the state lives on in a checkpoint or in another's memory.
    /// </summary>
    private static bool IsBeyondRecovery(RunState state, Assignment place, long step) =>
        state.Phase == RunPhase.Running
        && step == place.StartStep + 1
        && state.Members.Where(member => member.IsAssigned).All(member => member.HasBeaten || member.Status == MemberStatus.Finished);

    private static void WatchForStragglers(TurnContext turn, IReadOnlyList<StepRecord> taken)
    {
        var before = turn.State.Stragglers;
        if (turn.State.Phase != RunPhase.Running)
        {
            return;
        }

        var place = turn.State.Assignment!;
        var watch = taken.Where(record => record.Generation == place.Generation && record.Shares.Count == place.WorldSize)
            .Aggregate(before, (watch, record) => watch.Observe([.. record.Shares.Select(share => share.BusySeconds)]));
        turn.Refresh(turn.State with { Stragglers = watch });
        foreach (var member in turn.State.Members.Where(member => member.IsAssigned).OrderBy(member => member.Rank))
        {
            var rank = member.Rank!.Value;
            if (watch.Slow.Contains(rank) && !before.Slow.Contains(rank))
            {
                turn.Warn(FormattableString.Invariant($"{member.Label} is slow: {watch.Ratio(rank):0.0} times the others' time over the last {StragglerWatch.Window} steps; it is kept"));
            }
            else if (before.Slow.Contains(rank) && !watch.Slow.Contains(rank))
            {
                turn.Warn($"{member.Label} keeps up with the others again");
            }
        }
    }
}
