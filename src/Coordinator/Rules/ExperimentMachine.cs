using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>
/// An experiment as a pure function: (state, message, time) to (next state, effects).
/// <para>A trial is Queued → Starting → Running → Completed, Failed, Diverged or Stopped. It goes back to Queued when its
/// devices are lost, which does not count as its failure, or when it failed and has attempts left. Each return starts another attempt,
/// and only once no process of the previous one is left.</para>
/// <para>The next effect for a trial follows from its state alone (<see cref="ExperimentTurn"/>). After a takeover the stored state is
/// therefore sufficient, and an effect whose answer was lost is repeated.</para>
/// </summary>
public static class ExperimentMachine
{
    /// <summary>
    /// A run may notice a lost node before the pool does. It requests devices again only after the pool knows, or it would receive the
    /// lost ones.
    /// </summary>
    private static readonly TimeSpan RetryDelay = PoolMachine.Patience + TimeSpan.FromSeconds(5);

    /// <exception cref="Protocol.CoordinatorRefusedException">A submission is inconsistent, or contradicts an earlier one.</exception>
    public static ExperimentResult Handle(ExperimentState state, ExperimentMessage message, DateTimeOffset now)
    {
        var turn = new ExperimentTurn(state, now);
        switch (message)
        {
            case ExperimentMessage.Submit submit:
                Submission.Submit(turn, submit.Spec);
                break;
            case ExperimentMessage.Cancel cancel:
                End(turn, $"stopped by {cancel.By}");
                break;
            case ExperimentMessage.PoolAnswered pool:
                foreach (var answer in pool.Answers)
                {
                    PoolAnswered(turn, answer);
                }

                break;
            case ExperimentMessage.Released released:
                foreach (var attempt in released.Attempts)
                {
                    if (turn.Find(attempt) is { IsOver: true, HasClaim: true } over)
                    {
                        turn.Change(over with { HasClaim = false });
                    }
                }

                break;
            case ExperimentMessage.Started started:
                if (turn.Find(started.Attempt) is { Status: TrialStatus.Starting } starting)
                {
                    turn.Change(starting with { Status = TrialStatus.Running });
                }

                break;
            case ExperimentMessage.Ended ended:
                Ended(turn, ended.End);
                break;
            case ExperimentMessage.Tick:
                turn.RepeatAll();
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(message), message.GetType().Name, "Unknown message.");
        }

        return turn.Finish();
    }

    private static void PoolAnswered(ExperimentTurn turn, LeaseAnswer answer)
    {
        if (turn.State.Spec is null)
        {
            return;
        }

        var trial = turn.Find(answer.Attempt);
        if (trial is null or { IsOver: true })
        {
            // Granted or queued after the trial ended.
            turn.Do(new ExperimentEffect.Release(answer.Attempt));
        }
        else if (answer.Lease is not { } lease)
        {
            if (trial.Status == TrialStatus.Queued)
            {
                turn.Refresh(trial with { Text = answer.Waiting });
            }
        }
        else if (trial.Status == TrialStatus.Queued)
        {
            if (lease.Revoked is { } lost)
            {
                DevicesLost(turn, trial, lost);
            }
            else
            {
                turn.Change(trial with { Status = TrialStatus.Starting, Lease = lease, Text = null });
            }
        }
        else if (lease.Revoked is not null && trial.StopsTo is null)
        {
            turn.Change(trial with { StopsTo = TrialStatus.Queued, Text = lease.Revoked });
        }
    }

    private static void Ended(ExperimentTurn turn, TrialEnd end)
    {
        if (turn.Find(end.Attempt) is not { IsStarted: true } trial)
        {
            return;
        }

        trial = trial with { DeviceSeconds = trial.DeviceSeconds + end.DeviceSeconds, Figures = end.Figures };
        switch (end.Kind)
        {
            case TrialEndKind.Completed:
                Leave(turn, trial, TrialStatus.Completed, end.Text);
                break;
            case TrialEndKind.Diverged:
                Leave(turn, trial, TrialStatus.Diverged, end.Text);
                break;

            // A run that is being stopped may end in any way, and one that lost devices may report a failure.
            case var _ when trial.StopsTo is { } next:
                Leave(turn, trial, next, trial.Text);
                break;
            case TrialEndKind.Stopped:
                Leave(turn, trial, TrialStatus.Stopped, end.Text);
                break;
            case TrialEndKind.DevicesLost:
                DevicesLost(turn, trial with { NotBefore = turn.Now + RetryDelay }, end.Text ?? "lost devices");
                break;
            default:
                Failed(turn, trial, end.Text ?? "failed without giving a reason");
                break;
        }
    }

    /// <summary>Moves a trial whose attempt has ended to its next status.</summary>
    private static void Leave(ExperimentTurn turn, TrialState trial, TrialStatus next, string? text)
    {
        trial = trial with { StopsTo = null, Lease = null };
        if (next == TrialStatus.Queued)
        {
            DevicesLost(turn, trial, text!);
        }
        else
        {
            turn.Change(trial with { Status = next, Text = text });
        }
    }

    private static void DevicesLost(ExperimentTurn turn, TrialState trial, string text)
    {
        trial = trial with { DeviceLosses = trial.DeviceLosses + 1 };
        if (trial.DeviceLosses > trial.Spec.MaxDeviceLosses)
        {
            GiveUp(turn, trial, $"{text}; its devices were lost {trial.DeviceLosses} times, and it may be the cause");
        }
        else
        {
            Requeue(turn, trial, text);
        }
    }

    private static void Failed(ExperimentTurn turn, TrialState trial, string text)
    {
        trial = trial with { Failures = trial.Failures + 1 };
        if (trial.Failures >= trial.Spec.MaxAttempts)
        {
            GiveUp(turn, trial, text);
        }
        else
        {
            Requeue(turn, trial, text);
        }
    }

    private static void Requeue(ExperimentTurn turn, TrialState trial, string text) =>
        turn.Change(
            trial with
            {
                Status = TrialStatus.Queued,
                Attempt = trial.Attempt + 1,
                Lease = null,
                Text = text,
                ReturnedBecause = text,
            }
        );

    private static void GiveUp(ExperimentTurn turn, TrialState trial, string text)
    {
        turn.Change(trial with { Status = TrialStatus.Failed, Lease = null, Text = text });
        if (turn.State.Spec!.FailFast)
        {
            End(turn, $"trial {trial.Spec.Id} failed: {text}");
        }
    }

    /// <summary>Ends the experiment: waiting trials stop at once, running ones when the launcher has stopped them.</summary>
    private static void End(ExperimentTurn turn, string why)
    {
        turn.End(why);
        foreach (var trial in turn.Trials.Where(trial => !trial.IsOver && trial.StopsTo != TrialStatus.Stopped).ToList())
        {
            turn.Change(
                trial.IsStarted
                    ? trial with
                    {
                        StopsTo = TrialStatus.Stopped,
                        Text = why,
                    }
                    : trial with
                    {
                        Status = TrialStatus.Stopped,
                        Text = why,
                    }
            );
        }
    }
}
