namespace ClipTrain.Coordinator.Core;

/// <summary>From the first join to the moment when every worker has its rank.</summary>
internal static class Formation
{
    public static RunReply Join(Turn turn, JoinRequest request)
    {
        var spec = turn.State.Spec;
        if (turn.State.Find(request.WorkerId) is not { } member)
        {
            return new RunReply.Refused(RefusalKind.UnknownWorker, $"Run {spec.RunId} has no {request.WorkerId}; its workers are {WorkerIds.ForSlot(0)} to {WorkerIds.ForSlot(spec.WorldSize - 1)}.");
        }

        if (Difference(spec, request) is { } difference)
        {
            var reason = $"{request.WorkerId} on {request.Host} does not fit run {spec.RunId}: {difference}. Start every worker with the same build and configuration.";
            turn.Warn(reason);
            return new RunReply.Refused(RefusalKind.Mismatch, reason);
        }

        if (turn.State.Phase is not (RunPhase.Forming or RunPhase.Running))
        {
            return new RunReply.Refused(RefusalKind.WrongPhase, turn.State.EndText ?? $"Run {spec.RunId} is ending after a failure.");
        }

        if (member.Status != MemberStatus.Expected && (member.ProcessId != request.ProcessId || !string.Equals(member.Host, request.Host, StringComparison.Ordinal)))
        {
            return new RunReply.Refused(RefusalKind.PlaceTaken, $"{request.WorkerId} has joined run {spec.RunId} already, as process {member.ProcessId} on {member.Host}.");
        }

        if (turn.State.Phase == RunPhase.Running)
        {
            return new RunReply.Assigned(Place(turn.State, member));
        }

        if (member.Status == MemberStatus.Expected)
        {
            turn.Change(member with { Status = MemberStatus.Joined, ProcessId = request.ProcessId, Host = request.Host, LastHeard = turn.Now });
        }

        if (turn.State.Members.Any(other => other.Status != MemberStatus.Joined))
        {
            return new RunReply.Held();
        }

        Form(turn);
        return new RunReply.Assigned(Place(turn.State, turn.State.Members[member.Slot]));
    }

    /// <summary>The time to form is over: fail and name who is missing.</summary>
    public static void Expire(Turn turn)
    {
        var missing = turn.State.Members.Where(member => member.Status == MemberStatus.Expected).Select(member => member.WorkerId).ToList();
        var spec = turn.State.Spec;
        Ending.Fail(turn, $"{spec.WorldSize - missing.Count} of {spec.WorldSize} workers joined within {spec.Timeouts.Forming.TotalSeconds:0.#} s; missing: {string.Join(", ", missing)}");
    }

    private static void Form(Turn turn)
    {
        var state = turn.State;
        turn.Change(state with
        {
            Phase = RunPhase.Running,
            Deadline = null,
            Members = [.. state.Members.Select((member, rank) => member with { Rank = rank, Status = MemberStatus.Training, LastHeard = turn.Now })],
        });
        foreach (var member in turn.State.Members)
        {
            turn.Do(new RunEffect.Answer(member.WorkerId, HeldCall.Join, new RunReply.Assigned(Place(turn.State, member))));
        }
    }

    private static Assignment Place(RunState state, Member member) =>
        new(state.Generation, member.Rank!.Value, state.Spec.WorldSize, state.Spec.StoreHost, state.Spec.StorePort, $"gen{state.Generation}");

    private static string? Difference(RunSpec spec, JoinRequest request)
    {
        var parts = new List<string>();
        if (!string.Equals(spec.CodeVersion, request.CodeVersion, StringComparison.Ordinal))
        {
            parts.Add($"its code version is {request.CodeVersion}, the run's is {spec.CodeVersion}");
        }

        if (!string.Equals(spec.ConfigHash, request.ConfigHash, StringComparison.Ordinal))
        {
            parts.Add($"its configuration hash is {request.ConfigHash}, the run's is {spec.ConfigHash}");
        }

        return parts.Count == 0 ? null : string.Join("; ", parts);
    }
}
