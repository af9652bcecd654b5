using System.Globalization;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>Passes committed steps from workers to the ledger, each once and in order.</summary>
internal static class Records
{
    /// <summary>Takes the records that follow the last recorded step. Others were already recorded, or undone.</summary>
    /// <param name="turn">The turn, in which the sender's lease is already renewed.</param>
    /// <param name="heartbeat">A heartbeat of a living member.</param>
    public static void Take(TurnContext turn, Heartbeat heartbeat)
    {
        if (
            turn.State.Assignment is not { } assignment
            || (heartbeat.Records.Count == 0 && turn.State.Find(heartbeat.WorkerId)!.OldestRecord is null)
        )
        {
            return;
        }

        var taken = new List<StepRecord>();
        var recorded = turn.State.RecordedStep;
        var next = recorded + 1;
        long? oldest = null;
        foreach (var record in heartbeat.Records.Where(record => record.Metrics.Step > recorded && IsOfThisRun(assignment, record)))
        {
            var step = record.Metrics.Step;
            if (step != next && !(taken.Count == 0 && IsBeyondRecovery(turn.State, heartbeat.WorkerId, step)))
            {
                oldest = step;
                break;
            }

            if (step > next)
            {
                turn.Warn(
                    $"the records of steps {next} to {step - 1} were lost with the workers that held them; the ledger continues at step "
                        + $"{step}"
                );
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

        // Records that did not fit into the batch may include the next step.
        turn.Refresh(turn.State.Find(heartbeat.WorkerId)! with { OldestRecord = oldest ?? (heartbeat.HasMoreRecords ? next : null) });
    }

    /// <summary>
    /// True for a step of the last generation or its history; false for steps of a worker that was away while the others continued.
    /// </summary>
    private static bool IsOfThisRun(Assignment assignment, StepRecord record) =>
        record.Generation == assignment.Generation
            ? record.Metrics.Step > assignment.StartStep
            : record.Generation < assignment.Generation && record.Metrics.Step <= assignment.StartStep;

    /// <summary>
    /// True if the records before this step are lost: they belong to earlier generations, every worker has sent its oldest record, and
    /// none is older than this step. Their holders died before sending them, while the state survives in a checkpoint or in another
    /// worker's memory.
    /// </summary>
    private static bool IsBeyondRecovery(RunState state, string workerId, long step) =>
        state.Phase == RunPhase.Running
        && step <= state.Assignment!.StartStep + 1
        && state.Members.AllHaveReported
        && state.Members.All(member =>
            !member.IsAssigned
            || member.OldestRecord is null
            || member.OldestRecord >= step
            || string.Equals(member.WorkerId, workerId, StringComparison.Ordinal)
        );

    private static void WatchForStragglers(TurnContext turn, List<StepRecord> taken)
    {
        if (turn.State.Phase != RunPhase.Running)
        {
            return;
        }

        var before = turn.State.Stragglers;
        var assignment = turn.State.Assignment!;
        var watch = taken
            .Where(record => record.Generation == assignment.Generation && record.Shares.Count == assignment.WorldSize)
            .Aggregate(before, (watch, record) => watch.Observe([.. record.Shares.Select(share => share.BusySeconds)]));
        turn.Refresh(turn.State with { Stragglers = watch });
        if (watch.Slow.SequenceEqual(before.Slow))
        {
            return;
        }

        foreach (var member in turn.State.Members.Where(member => member.IsAssigned).OrderBy(member => member.Rank))
        {
            var rank = member.Rank!.Value;
            if (watch.Slow.Contains(rank) && !before.Slow.Contains(rank))
            {
                turn.Warn(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{member.Label} is slow: {watch.Ratio(rank):0.0} times the others' time over the last {StragglerWatch.Window} "
                            + $"steps; it stays in the run"
                    )
                );
            }
            else if (before.Slow.Contains(rank) && !watch.Slow.Contains(rank))
            {
                turn.Warn($"{member.Label} keeps up with the others again");
            }
        }
    }
}
