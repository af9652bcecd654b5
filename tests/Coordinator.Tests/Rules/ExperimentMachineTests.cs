using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

public sealed class ExperimentMachineTests
{
    private ExperimentState _state = new();
    private DateTimeOffset _now = PoolScript.Start;
    private long _leases;

    [Fact]
    public void A_trial_goes_from_the_queue_to_its_end_and_gives_its_devices_back()
    {
        Assert.Equal([Acquire("e/1")], Submit(Trial("1")).Effects);
        Assert.Equal(TrialStatus.Queued, Only.Status);

        var start = Assert.IsType<ExperimentEffect.Start>(Assert.Single(Grant("e/1").Effects));
        Assert.Equal(new RunAttempt("e/1", 1), start.Run.Attempt);
        Assert.Equal(Trial("1"), start.Run.Trial);
        Assert.Same(Only.Lease, start.Run.Lease);
        Assert.Equal(TrialStatus.Starting, Only.Status);

        Assert.Empty(Send(new ExperimentMessage.Started(start.Run.Attempt)).Effects);
        Assert.Equal(TrialStatus.Running, Only.Status);

        Assert.Equal([Release("e/1")], End("e/1", TrialEndKind.Completed).Effects);
        Assert.Equal(TrialStatus.Completed, Only.Status);
        Assert.False(_state.IsSettled);

        Send(new ExperimentMessage.Released([new RunAttempt("e/1", 1)]));
        Assert.True(_state.IsSettled);
    }

    [Fact]
    public void Every_message_may_come_again_and_changes_nothing_then()
    {
        ExperimentMessage[] life =
        [
            new ExperimentMessage.Submit(Spec(Trial("1"))),
            Granted("e/1"),
            new ExperimentMessage.Started(new RunAttempt("e/1", 1)),
            new ExperimentMessage.Ended(new TrialEnd(new RunAttempt("e/1", 1), TrialEndKind.Completed)),
            new ExperimentMessage.Released([new RunAttempt("e/1", 1)]),
            new ExperimentMessage.Cancel("me"),
        ];
        for (var told = 0; told < life.Length; told++)
        {
            Assert.True(Send(life[told]).MustPersist);
            for (var again = 0; again <= told; again++)
            {
                Assert.False(Send(life[again]).MustPersist);
            }
        }
    }

    [Fact]
    public void Submitting_again_adds_only_what_is_new()
    {
        Submit(Trial("1"));
        Run("e/1");

        Assert.Equal([Acquire("e/2")], Submit(Trial("1"), Trial("2")).Effects);
        Assert.Equal(["e/1", "e/2"], _state.Trials.Select(trial => trial.Run));
        Assert.Equal(TrialStatus.Running, _state.Trials[0].Status);
        Assert.False(Submit(Trial("2")).MustPersist);
    }

    [Fact]
    public void A_submission_that_contradicts_itself_or_an_earlier_one_is_refused_whole()
    {
        Submit(Trial("1"));
        var before = _state;

        AssertRefused(
            "Trial 1 of experiment e was submitted before as TrialSpec { Id = 1, RunFile = 1.yaml, Devices = 1",
            Spec(Trial("2"), Trial("1") with { Devices = 3 })
        );
        AssertRefused("Experiment e lists trial 2 twice", Spec(Trial("2"), Trial("2")));
        AssertRefused(
            "Trial 2 of experiment e needs devices ≥ 1, attempts ≥ 1 and device losses ≥ 0, not 0, 1 and 10.",
            Spec(Trial("2") with { Devices = 0 })
        );
        AssertRefused(
            "Experiment e was submitted with pool gpus and fail_fast False, now as e with others and False",
            Spec(Trial("2")) with
            {
                Pool = "others",
            }
        );
        AssertRefused("An experiment, its pool and each of its trials need a name.", Spec(Trial(" ")));
        Assert.Same(before, _state);

        Send(new ExperimentMessage.Cancel("me"));
        AssertRefused("Experiment e has ended (stopped by me) and takes no more trials", Spec(Trial("2")));
        Assert.False(Submit(Trial("1")).MustPersist);
    }

    [Fact]
    public void A_trial_whose_devices_died_is_stopped_and_returns_to_the_queue_without_a_failure()
    {
        Submit(Trial("1"));
        var lease = Run("e/1");

        Assert.Equal([new ExperimentEffect.Stop(lease)], Revoke(lease).Effects);
        Assert.Equal(TrialStatus.Running, Only.Status);

        Assert.Equal([Acquire("e/1", attempt: 2)], End("e/1", TrialEndKind.Stopped).Effects);
        Assert.Equal((TrialStatus.Queued, 1, 0), (Only.Status, Only.DeviceLosses, Only.Failures));
        Assert.Null(Only.Lease);
    }

    [Fact]
    public void A_failure_that_the_loss_of_a_device_caused_is_not_the_run_s_own()
    {
        Submit(Trial("1"));
        Revoke(Run("e/1"));

        Assert.Equal([Acquire("e/1", attempt: 2)], End("e/1", TrialEndKind.Failed, "rank 1 vanished").Effects);
        Assert.Equal((1, 0), (Only.DeviceLosses, Only.Failures));
    }

    [Fact]
    public void A_run_that_notices_the_loss_before_the_pool_waits_until_the_pool_knows()
    {
        Submit(Trial("1"));
        Run("e/1");

        Assert.Empty(End("e/1", TrialEndKind.DevicesLost).Effects);
        Assert.Equal(TrialStatus.Queued, Only.Status);
        _now += PoolMachine.Patience;
        Assert.Empty(Send(new ExperimentMessage.Tick()).Effects);
        _now += TimeSpan.FromSeconds(5);
        Assert.Equal([Acquire("e/1", attempt: 2)], Send(new ExperimentMessage.Tick()).Effects);
    }

    [Fact]
    public void A_run_that_completed_just_when_it_lost_its_devices_has_completed()
    {
        Submit(Trial("1"));
        Revoke(Run("e/1"));

        Assert.Equal([Release("e/1")], End("e/1", TrialEndKind.Completed).Effects);
        Assert.Equal(TrialStatus.Completed, Only.Status);
    }

    [Fact]
    public void Beyond_the_limit_a_loss_of_devices_is_a_failure()
    {
        Submit(Trial("1") with { MaxDeviceLosses = 2 });
        for (var attempt = 1; attempt <= 3; attempt++)
        {
            Revoke(Run("e/1", attempt));
            End("e/1", TrialEndKind.Stopped, attempt: attempt);
        }

        Assert.Equal(TrialStatus.Failed, Only.Status);
        Assert.Equal("lost a/cuda:0; its devices were lost 3 times, and it may be the cause", Only.Text);
    }

    [Fact]
    public void A_trial_that_fails_by_itself_is_tried_as_often_as_it_says()
    {
        Submit(Trial("1") with { MaxAttempts = 2 });
        Run("e/1");
        Assert.Equal([Acquire("e/1", attempt: 2)], End("e/1", TrialEndKind.Failed, "out of memory").Effects);
        Assert.Equal(TrialStatus.Queued, Only.Status);

        Run("e/1", attempt: 2);
        Assert.Equal([Release("e/1", attempt: 2)], End("e/1", TrialEndKind.Failed, "out of memory", attempt: 2).Effects);
        Assert.Equal((TrialStatus.Failed, "out of memory"), (Only.Status, Only.Text));
    }

    [Theory]
    [InlineData(TrialEndKind.Diverged, TrialStatus.Diverged)]
    [InlineData(TrialEndKind.Stopped, TrialStatus.Stopped)]
    public void A_run_that_diverged_or_was_stopped_is_not_tried_again(TrialEndKind kind, TrialStatus status)
    {
        Send(new ExperimentMessage.Submit(Spec(Trial("1") with { MaxAttempts = 3 }, Trial("2")) with { FailFast = true }));
        Run("e/1");

        Assert.Equal([Release("e/1")], End("e/1", kind).Effects);
        Assert.Equal(status, _state.Trials[0].Status);
        Assert.Null(_state.EndedBecause);
    }

    [Fact]
    public void With_fail_fast_the_first_failure_ends_the_experiment()
    {
        Send(new ExperimentMessage.Submit(Spec(Trial("1"), Trial("2"), Trial("3")) with { FailFast = true }));
        Run("e/1");
        var other = Run("e/2");

        var effects = End("e/1", TrialEndKind.Failed, "no such file").Effects;

        Assert.Equal([Release("e/1"), new ExperimentEffect.Stop(other), Release("e/3")], effects);
        End("e/2", TrialEndKind.Stopped);
        Assert.Equal([TrialStatus.Failed, TrialStatus.Stopped, TrialStatus.Stopped], _state.Trials.Select(trial => trial.Status));
        Assert.Equal("trial 1 failed: no such file", _state.EndedBecause);
    }

    [Fact]
    public void Cancelling_stops_what_runs_and_what_was_about_to_return_to_the_queue()
    {
        Submit(Trial("1"), Trial("2"), Trial("3"));
        var first = Run("e/1");
        Revoke(first);
        Grant("e/2");

        var effects = Send(new ExperimentMessage.Cancel("Ctrl-C")).Effects;

        Assert.Equal([new ExperimentEffect.Stop(first), new ExperimentEffect.Stop(_state.Trials[1].Lease!), Release("e/3")], effects);
        End("e/1", TrialEndKind.Stopped);
        End("e/2", TrialEndKind.Failed, "killed");
        Assert.All(_state.Trials, trial => Assert.Equal((TrialStatus.Stopped, "stopped by Ctrl-C"), (trial.Status, trial.Text)));
    }

    [Fact]
    public void Devices_that_come_when_nobody_wants_them_any_more_go_back()
    {
        Submit(Trial("1"));
        Send(new ExperimentMessage.Cancel("me"));

        Assert.Equal([Release("e/1")], Grant("e/1").Effects);
        Assert.Equal(
            [Release("e/1")],
            Send(new ExperimentMessage.PoolAnswered([new LeaseAnswer(new RunAttempt("e/1", 1), null, "waits")])).Effects
        );
        Assert.Equal([Release("e/unknown")], Grant("e/unknown").Effects);
    }

    [Fact]
    public void Word_of_an_earlier_attempt_is_ignored()
    {
        Submit(Trial("1") with { MaxAttempts = 2 });
        Run("e/1");
        End("e/1", TrialEndKind.Failed);
        Run("e/1", attempt: 2);
        var before = Only;

        End("e/1", TrialEndKind.Completed);
        Send(new ExperimentMessage.Started(new RunAttempt("e/1", 1)));

        Assert.Equal(before, Only);
    }

    [Fact]
    public void Whoever_takes_over_does_again_what_had_no_answer_and_nothing_else()
    {
        Submit(Trial("queued"), Trial("starting"), Trial("running"), Trial("halting"), Trial("done"), Trial("settled"));
        Grant("e/starting");
        Run("e/running");
        Revoke(Run("e/halting"));
        foreach (var run in new[] { "e/done", "e/settled" })
        {
            Run(run);
            End(run, TrialEndKind.Completed);
        }

        Send(new ExperimentMessage.Released([new RunAttempt("e/settled", 1)]));

        var effects = Send(new ExperimentMessage.Tick()).Effects;

        var lease = _state.Trials[1].Lease!;
        Assert.Equal(
            [
                Acquire("e/queued"),
                new ExperimentEffect.Start(new TrialStart(new RunAttempt("e/starting", 1), "e", Trial("starting"), lease)),
                new ExperimentEffect.Stop(_state.Trials[3].Lease!),
                Release("e/done"),
            ],
            effects
        );
    }

    [Fact]
    public void Why_a_trial_waits_is_told_and_not_written()
    {
        Submit(Trial("1"));

        Assert.False(
            Send(
                new ExperimentMessage.PoolAnswered([new LeaseAnswer(new RunAttempt("e/1", 1), null, "waits for 1 device; 0 of 4 are free")])
            ).MustPersist
        );
        Assert.Equal("waits for 1 device; 0 of 4 are free", Only.Text);
    }

    private TrialState Only => Assert.Single(_state.Trials);

    private static TrialSpec Trial(string id) => new(id, $"{id}.yaml", 1);

    private static ExperimentSpec Spec(params TrialSpec[] trials) => new("e", "gpus", trials);

    private static ExperimentEffect Acquire(string run, int attempt = 1) =>
        new ExperimentEffect.Acquire(new LeaseRequest(new RunAttempt(run, attempt), "e", 1));

    private static ExperimentEffect Release(string run, int attempt = 1) => new ExperimentEffect.Release(new RunAttempt(run, attempt));

    private ExperimentResult Send(ExperimentMessage message)
    {
        var result = ExperimentMachine.Handle(_state, message, _now);
        _state = result.State;
        return result;
    }

    private ExperimentResult Submit(params TrialSpec[] trials) => Send(new ExperimentMessage.Submit(Spec(trials)));

    private ExperimentMessage.PoolAnswered Granted(string run, int attempt = 1)
    {
        var lease = new Lease(++_leases, new LeaseRequest(new RunAttempt(run, attempt), "e", 1), [new PoolDevice("a", "cuda:0")]);
        return new ExperimentMessage.PoolAnswered([new LeaseAnswer(lease.Attempt, lease, null)]);
    }

    private ExperimentResult Grant(string run, int attempt = 1) => Send(Granted(run, attempt));

    private Lease Run(string run, int attempt = 1)
    {
        var granted = Granted(run, attempt);
        Send(granted);
        Send(new ExperimentMessage.Started(new RunAttempt(run, attempt)));
        return granted.Answers[0].Lease!;
    }

    private ExperimentResult Revoke(Lease lease) =>
        Send(
            new ExperimentMessage.PoolAnswered([
                new LeaseAnswer(lease.Attempt, lease with { Devices = [], Revoked = "lost a/cuda:0" }, null),
            ])
        );

    private ExperimentResult End(string run, TrialEndKind kind, string? text = null, int attempt = 1) =>
        Send(new ExperimentMessage.Ended(new TrialEnd(new RunAttempt(run, attempt), kind, text)));

    private void AssertRefused(string message, ExperimentSpec spec) =>
        Assert.StartsWith(message, Assert.Throws<CoordinatorRefusedException>(() => Send(new ExperimentMessage.Submit(spec))).Message);
}
