using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>Handles workers that leave without having completed or stopped.</summary>
internal static class WorkerLoss
{
    /// <summary>Number of consecutive processes of a managed worker that may end before they have a rank; then the run fails.</summary>
    public const int MaxFruitlessStarts = 3;

    private const int MaxLines = 100;

    /// <summary>Exit codes from here on are signals.</summary>
    private const int FirstSignalCode = 128;

    /// <summary>The first failures are kept, since the cause is among them.</summary>
    private const int MaxFailures = 64;

    public static RunReply Exited(TurnContext turn, RunMessage.WorkerExited exited)
    {
        if (turn.State.Find(exited.WorkerId) is not { } member)
        {
            return Refusals.UnknownWorker(turn.State, exited.WorkerId);
        }

        if (member.ExitCode is not null || (exited.Start is { } start && start != member.Start))
        {
            return new RunReply.Accepted();
        }

        var gone = member with { ExitCode = exited.ExitCode };
        var text = ExitDescription.Of(exited.ExitCode);
        if (turn.State.HasEnded || !(member.IsLiving || member.Status == MemberStatus.Expected))
        {
            turn.Change(gone);
            if (exited.ExitCode != 0 && member is { Status: MemberStatus.Finished, Outcome: { } outcome })
            {
                turn.Warn($"{member.Label} {text}, after it had {outcome.ToString().ToLowerInvariant()}");
            }
        }
        else
        {
            Lose(
                turn,
                gone with
                {
                    Status = MemberStatus.Exited,
                },
                FailureKind.Exited,
                text + When(turn.State, member) + CrashPlace.Of(exited.ExitCode, member.CommittedStep, exited.LastLines),
                [.. exited.LastLines.TakeLast(MaxLines).Select(line => PlainText.Line(line))]
            );
        }

        if (member.IsManaged && turn.State.Phase is (RunPhase.Forming or RunPhase.Running))
        {
            StartAgain(turn, turn.State.Find(member.WorkerId)!);
        }

        Membership.Settle(turn);
        return new RunReply.Accepted();
    }

    public static void Failed(TurnContext turn, Member heard, WorkerReport report)
    {
        turn.Do(new RunEffect.DismissWorker(heard.WorkerId, heard.NodeId));
        NoteReport(turn, heard, report);
        turn.Change(heard with { Status = MemberStatus.Failed });
        if (turn.State.IsFirstForming)
        {
            Ending.Fail(turn);
        }
        else
        {
            Draining.Begin(turn, OutcomeKind.Failed);
        }
    }

    /// <summary>Ends a silent worker: its process may hang in a collective in which its peers wait until it is gone.</summary>
    public static void Unheard(TurnContext turn, Member member, string text)
    {
        turn.Do(new RunEffect.KillWorker(member.WorkerId, member.NodeId));
        Lose(turn, member with { Status = MemberStatus.Lost }, FailureKind.Unheard, text, []);
    }

    /// <summary>Records the loss of a worker. If it was in the running generation, that generation is over.</summary>
    /// <param name="gone">The member after the change.</param>
    public static void Lose(TurnContext turn, Member gone, FailureKind kind, string text, IReadOnlyList<string> lastLines)
    {
        var before = turn.State.Find(gone.WorkerId)!;
        Note(turn, gone, kind, text, lastLines, ReasonToStayOut(gone));
        turn.Change(gone);
        if (turn.State.IsFirstForming && kind == FailureKind.Exited && gone.IsManaged)
        {
            // A faulty setup would end the next process the same way.
            Ending.Fail(turn);
            return;
        }

        turn.Warn($"{gone.Label} {text}");
        if (turn.State.Phase == RunPhase.Running && before.IsAssigned)
        {
            Membership.End(turn, isPlanned: false);
        }
        else if (before.Status == MemberStatus.Leaving)
        {
            Membership.Break(turn);
        }
    }

    public static void Note(
        TurnContext turn,
        Member member,
        FailureKind kind,
        string text,
        IReadOnlyList<string> lastLines,
        int? exitCode = null
    )
    {
        if (turn.State.Failures.Count < MaxFailures)
        {
            turn.Change(
                turn.State with
                {
                    Failures = [.. turn.State.Failures, new WorkerFailure(member.WorkerId, member.Label, kind, text, lastLines, exitCode)],
                }
            );
        }
    }

    /// <summary>Notes why a worker reported that it failed.</summary>
    public static void NoteReport(TurnContext turn, Member member, WorkerReport report) =>
        Note(
            turn,
            member,
            FailureKind.Reported,
            report.Message is null ? "failed without giving a reason" : PlainText.Block(report.Message),
            [],
            report.ExitCode
        );

    private static void StartAgain(TurnContext turn, Member member)
    {
        var fruitless = member.Generation > 0 ? 0 : member.FruitlessStarts + 1;
        if (fruitless >= MaxFruitlessStarts)
        {
            turn.Change(member with { FruitlessStarts = fruitless });
            Draining.Begin(turn, OutcomeKind.Failed);
        }
        else
        {
            Placement.StartAgain(turn, member, fruitless);
        }
    }

    /// <summary>
    /// The exit code of a process that ended by itself before it had a rank, such as that of a missing library: the run ends with it. Null
    /// for other ends. 0 and 1 give no reason.
    /// </summary>
    private static int? ReasonToStayOut(Member gone) =>
        gone is { Generation: 0, ExitCode: > 1 and < FirstSignalCode } ? gone.ExitCode : null;

    private static string When(RunState state, Member member) =>
        member.Generation > 0 ? ""
        : state.IsFirstForming ? " before the run was formed"
        : " before it had a rank";
}
