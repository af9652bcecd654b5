namespace ClipTrain.Coordinator.Core;

/// <summary>What workers and users say while the run lives.</summary>
internal static class Training
{
    public static RunReply Beat(Turn turn, Heartbeat beat)
    {
        if (Refusal(turn.State, beat.WorkerId, beat.Generation) is { } refusal)
        {
            return refusal;
        }

        var member = turn.State.Find(beat.WorkerId)!;
        if (member.HoldsLease)
        {
            turn.Refresh(member with { LastHeard = turn.Now, CommittedStep = beat.CommittedStep });
        }

        var news = beat.Metrics.Where(metrics => metrics.Step > turn.State.LastMetricsStep).ToList();
        if (news.Count > 0)
        {
            turn.Refresh(turn.State with { LastMetricsStep = news.Max(metrics => metrics.Step) });
            turn.Do(new RunEffect.PublishMetrics(news));
        }

        foreach (var warning in beat.Warnings)
        {
            turn.Warn($"{member.Label}: {warning}");
        }

        return new RunReply.Directed(DirectiveFor(turn.State, turn.State.Find(beat.WorkerId)!));
    }

    /// <summary>A PeerLost report is held until it is decided who saves; the others are answered at once.</summary>
    public static RunReply Report(Turn turn, WorkerReport report)
    {
        if (Refusal(turn.State, report.WorkerId, report.Generation) is { } refusal)
        {
            return refusal;
        }

        var member = turn.State.Find(report.WorkerId)!;
        if (member.HoldsLease)
        {
            var heard = member with { LastHeard = turn.Now, CommittedStep = report.CommittedStep };
            switch (report.Outcome)
            {
                case WorkerOutcome.Failed:
                    Departure.Failed(turn, heard, report);
                    break;
                case WorkerOutcome.PeerLost when member.Status == MemberStatus.Training:
                    Departure.PeerLost(turn, heard, report.Message);
                    break;
                case WorkerOutcome.Completed when member.Status == MemberStatus.Training:
                    turn.Change(heard with { Status = MemberStatus.Completed });
                    Ending.FinishIfDone(turn);
                    break;
                case WorkerOutcome.Stopped when member.Status == MemberStatus.Training:
                    turn.Change(heard with { Status = MemberStatus.Stopped });
                    Ending.FinishIfDone(turn);
                    break;
            }
        }

        var now = turn.State.Find(report.WorkerId)!;
        return now.Status == MemberStatus.PeerLost && !turn.State.HasEnded
            ? new RunReply.Held()
            : new RunReply.Directed(DirectiveFor(turn.State, now));
    }

    public static RunReply Checkpointed(Turn turn, CheckpointWritten written)
    {
        if (turn.State.Find(written.WorkerId) is not { } member)
        {
            return Unknown(turn.State, written.WorkerId);
        }

        var state = turn.State;
        if (state.LastCheckpoint is null || written.Step > state.LastCheckpoint.Step)
        {
            turn.Change(state with { LastCheckpoint = new CheckpointMark(written.Step, written.Directory) });
        }

        if (state.CheckpointWantedFrom <= written.Step)
        {
            turn.Change(turn.State with { CheckpointWantedFrom = null });
        }

        // A periodic checkpoint may still have been on its way to disk when the worker was asked to save a newer state.
        if (member.Status == MemberStatus.Saving && written.Step >= member.CommittedStep)
        {
            turn.Change(member with { Status = MemberStatus.Saved, LastHeard = turn.Now });
            Draining.Settle(turn);
        }

        return new RunReply.Accepted();
    }

    public static RunReply Stop(Turn turn, RunMessage.StopRequested stop)
    {
        if (turn.State.HasEnded)
        {
            return new RunReply.Accepted();
        }

        if (stop.AtOnce || turn.State.Phase == RunPhase.Forming)
        {
            turn.Change(turn.State with { StopRequestedBy = turn.State.StopRequestedBy ?? stop.By });
            Ending.StopAtOnce(turn);
        }
        else if (turn.State.StopRequestedBy is null)
        {
            turn.Change(turn.State with { StopRequestedBy = stop.By });
        }

        return new RunReply.Accepted();
    }

    public static RunReply RequestCheckpoint(Turn turn)
    {
        if (turn.State.Phase != RunPhase.Running)
        {
            return new RunReply.Refused(RefusalKind.WrongPhase, $"Run {turn.State.Spec.RunId} is {turn.State.Phase.ToString().ToLowerInvariant()}; a checkpoint can be asked for while it is running.");
        }

        if (turn.State.CheckpointWantedFrom is null)
        {
            turn.Change(turn.State with { CheckpointWantedFrom = turn.State.CommittedStep });
        }

        return new RunReply.Accepted();
    }

    /// <summary>
    /// What a worker is told, a function of the state alone. Stop goes to every rank. Checkpoint goes to rank 0 in each
    /// answer until a checkpoint of the wanted step or a later one is written: an answer that gets lost loses nothing, and
    /// the worker's heartbeat loop hands a repeated one on only once.
    /// </summary>
    public static Directive DirectiveFor(RunState state, Member member) => member.Status switch
    {
        MemberStatus.Completed or MemberStatus.Stopped => Directive.Continue,
        MemberStatus.Saving when !state.HasEnded => Directive.SaveAloneAndExit,
        MemberStatus.Training or MemberStatus.PeerLost when !state.HasEnded => state switch
        {
            { Phase: RunPhase.Draining } => Directive.Continue,
            { StopRequestedBy: not null } => Directive.Stop,
            { CheckpointWantedFrom: not null } when member.Rank == 0 => Directive.Checkpoint,
            _ => Directive.Continue,
        },
        _ => Directive.Abort,
    };

    private static RunReply.Refused? Refusal(RunState state, string workerId, int generation)
    {
        if (state.Find(workerId) is null)
        {
            return Unknown(state, workerId);
        }

        if (generation != state.Generation)
        {
            return new RunReply.Refused(RefusalKind.StaleGeneration, $"{workerId} speaks for generation {generation} of run {state.Spec.RunId}, which is at generation {state.Generation}.");
        }

        return state.Phase == RunPhase.Forming
            ? new RunReply.Refused(RefusalKind.WrongPhase, $"Run {state.Spec.RunId} still waits for workers to join.")
            : null;
    }

    private static RunReply.Refused Unknown(RunState state, string workerId) =>
        new(RefusalKind.UnknownWorker, $"Run {state.Spec.RunId} has no {workerId}.");
}
