using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>Handles workers that ask for a rank, for the first time or again.</summary>
internal static class Joining
{
    /// <summary>A worker that was silent for longer than this may be replaced by another process of its name.</summary>
    private static readonly TimeSpan FreshlyHeard = TimeSpan.FromSeconds(3);

    public static RunReply Join(TurnContext turn, JoinRequest request)
    {
        if (MessageChecks.Of(turn, request) is { } wrong)
        {
            return Refusals.Invalid(turn, request.WorkerId, wrong);
        }

        // The directive that the ending run gave still applies.
        if (
            turn.State.Find(request.WorkerId) is { Status: MemberStatus.Saving or MemberStatus.Saved or MemberStatus.Aborted } asked
            && IsSameProcess(asked, request)
        )
        {
            return new RunReply.Directed(Directives.For(turn.State, asked));
        }

        if (Refusal(turn, request) is { } refusal)
        {
            return refusal;
        }

        var member = turn.State.Find(request.WorkerId) ?? new Member(request.WorkerId, IsManaged: false);
        if (member.Incarnation is not null && !IsSameProcess(member, request))
        {
            member = Replace(turn, member, request);
        }

        if (MayJoin(member))
        {
            // A worker that leaves the running generation ends it for all.
            var leaves = member.IsAssigned && request.LeftGeneration >= member.Generation;
            if (leaves)
            {
                Leave(turn, member, request);
            }

            if (!turn.State.HasEnded && (leaves || !member.IsAssigned))
            {
                Enter(turn, leaves ? turn.State.Find(request.WorkerId)! : member, request);
            }

            Membership.Settle(turn);
        }

        return Reply(turn.State, turn.State.Find(request.WorkerId)!);
    }

    private static bool MayJoin(Member member) =>
        member.Status switch
        {
            // The process has ended, or will.
            MemberStatus.Failed or MemberStatus.Exited => false,
            MemberStatus.Lost => !member.IsManaged,
            _ => true,
        };

    /// <summary>
    /// Ends the generation of a worker that joins again. Without a reason all ranks have agreed; with one, a collective failed.
    /// </summary>
    private static void Leave(TurnContext turn, Member member, JoinRequest request)
    {
        if (request.Reason is { } reason)
        {
            turn.Warn($"{member.Label}: {PlainText.Line(reason)}");
        }

        Membership.End(turn, isPlanned: request.Reason is null);
    }

    private static void Enter(TurnContext turn, Member member, JoinRequest request)
    {
        if (member.Status == MemberStatus.Joined)
        {
            turn.Refresh(member with { LastHeard = turn.Now });
            return;
        }

        if (member.Status == MemberStatus.Leaving && request.Reason is { } reason)
        {
            Membership.Break(turn);
            WorkerLoss.Note(turn, member, FailureKind.CollectiveFailed, PlainText.Line(reason), []);
        }

        var joined = member with
        {
            Status = MemberStatus.Joined,
            Rank = null,
            Incarnation = request.Incarnation,
            ProcessId = request.ProcessId,
            Host = request.Host,
            Address = request.Address,
            Device = request.Device,
            HeldStep = StateSource.Usable(turn.State, request),
            LastHeard = turn.Now,

            // The silence of a lost worker is not an interval between heartbeats.
            Heartbeats = member.Status == MemberStatus.Leaving ? member.Heartbeats : new PhiAccrualDetector(),
            IsSuspected = false,
            Outcome = null,
        };

        // Not stored: a worker asks again until it gets an answer, whichever coordinator it reaches.
        turn.Show(joined);
        Formation.NameSpare(turn, joined);
    }

    /// <summary>Gives the name of a worker that is gone or silent to another process.</summary>
    private static Member Replace(TurnContext turn, Member old, JoinRequest request)
    {
        if (old.IsLiving)
        {
            var reason = $"was replaced by process {request.ProcessId} on {request.Host}";
            var gone = new RunReply.Refused(RefusalKind.NameTaken, $"{old.WorkerId} {reason}.");
            turn.Answer(old.WorkerId, HeldCall.Join, gone);
            turn.Answer(old.WorkerId, HeldCall.Report, gone);
            WorkerLoss.Lose(turn, old with { Status = MemberStatus.Lost }, FailureKind.Unheard, reason, []);
        }

        var fresh = new Member(old.WorkerId, IsManaged: false);
        turn.Change(fresh);
        return fresh;
    }

    private static RunReply.Refused? Refusal(TurnContext turn, JoinRequest request)
    {
        var state = turn.State;
        if (Difference(state.Spec, request) is { } difference)
        {
            var reason =
                $"{request.WorkerId} on {request.Host} does not match run {state.Spec.RunId}: {difference}. Start every worker with the "
                + "same build, configuration and corpus.";
            Refusals.WarnOnce(turn, request.WorkerId, reason);
            return new RunReply.Refused(RefusalKind.Mismatch, reason);
        }

        if (state.HasEnded)
        {
            return new RunReply.Refused(RefusalKind.WrongPhase, state.EndText!);
        }

        if (state.Find(request.WorkerId) is { Incarnation: not null } member && !IsSameProcess(member, request) && KeepsName(turn, member))
        {
            return new RunReply.Refused(
                RefusalKind.NameTaken,
                $"{request.WorkerId} has joined run {state.Spec.RunId} already, as process {member.ProcessId} on {member.Host}. Give "
                    + "this worker another name, or end that one."
            );
        }

        if (state.Find(request.WorkerId) is { IsManaged: true } managed && request.Start is { } start && start != managed.Start)
        {
            return new RunReply.Refused(RefusalKind.NameTaken, $"a newer process of {request.WorkerId} has been started since.");
        }

        if (
            request.Device is { } device
            && state.Members.UserOf(device) is { } user
            && !string.Equals(user, request.WorkerId, StringComparison.Ordinal)
        )
        {
            return new RunReply.Refused(
                RefusalKind.DeviceTaken,
                $"{request.WorkerId} cannot use {device}: {user} uses it. Give each worker its own device."
            );
        }

        return null;
    }

    private static bool IsSameProcess(Member member, JoinRequest request) =>
        string.Equals(member.Incarnation, request.Incarnation, StringComparison.Ordinal);

    /// <summary>
    /// True while a name is taken: a managed worker's until its exit is reported, another's while it is known to be alive.
    /// </summary>
    private static bool KeepsName(TurnContext turn, Member member) =>
        member.IsManaged || (member.IsLiving && turn.Now - member.LastHeard < FreshlyHeard);

    private static RunReply Reply(RunState state, Member member) =>
        member.Status switch
        {
            MemberStatus.Saving or MemberStatus.Aborted => new RunReply.Directed(Directives.For(state, member)),
            _ when state.HasEnded => new RunReply.Refused(RefusalKind.WrongPhase, state.EndText!),
            MemberStatus.Joined => new RunReply.Held(),
            MemberStatus.Training or MemberStatus.Finished => new RunReply.Assigned(Formation.AssignmentOf(state, member)),
            _ => new RunReply.Directed(Directives.For(state, member)),
        };

    private static string? Difference(RunSpec spec, JoinRequest request)
    {
        var parts = new List<string>();
        Compare("code version", spec.CodeVersion, request.CodeVersion);
        Compare("configuration hash", spec.ConfigHash, request.ConfigHash);
        Compare("corpus hash", spec.CorpusHash, request.CorpusHash);
        return parts.Count == 0 ? null : string.Join("; ", parts);

        void Compare(string what, string expected, string actual)
        {
            if (!string.Equals(expected, actual, StringComparison.Ordinal))
            {
                parts.Add($"its {what} is {actual}, the run's is {expected}");
            }
        }
    }
}
