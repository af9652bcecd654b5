using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Tests.Rules;

namespace ClipTrain.Coordinator.Tests.Processes;

public sealed class CoordinatorClientTests
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);

    private readonly FakeCoordinator _coordinator = new();
    private readonly ManualTimeProvider _time = new();
    private int _calls;

    [Fact]
    public async Task A_call_is_repeated_until_a_coordinator_is_there()
    {
        _coordinator.OnJoin = _ =>
            ++_calls <= 2 ? Task.FromException<Answered>(new InvalidOperationException("Run demo has not started yet.")) : Assigned();

        var join = Client().JoinAsync(RunScript.JoinRequest(0));
        await PassAsync(0.1, 0.2);

        Assert.Equal(new Assignment(1, 0, 1, 0), (await join).Assignment);
        Assert.Equal(3, _calls);
    }

    [Fact]
    public async Task A_coordinator_that_stays_away_is_lost_after_a_bounded_time()
    {
        _coordinator.OnJoin = _ => Task.FromException<Answered>(new TimeoutException("No answer."));
        var start = _time.GetUtcNow();

        var join = Client(retryFor: 10).JoinAsync(RunScript.JoinRequest(0));
        await PassAsync(0.1, 0.2, 0.4, 0.8, 1.6, 2, 2, 2, 2);

        var error = await Assert.ThrowsAsync<CoordinatorLostException>(() => join);
        Assert.Equal("No coordinator of run demo can be reached: No answer.", error.Message);
        Assert.Equal(TimeSpan.FromSeconds(11.1), _time.GetUtcNow() - start);
    }

    [Fact]
    public async Task A_cancellation_that_nobody_asked_for_is_no_answer_either()
    {
        _coordinator.OnJoin = _ =>
            Task.FromException<Answered>(new OperationCanceledException("Message expired before placement could complete."));
        var join = Client(retryFor: 0.3).JoinAsync(RunScript.JoinRequest(0));
        await PassAsync(0.1, 0.2);
        await Assert.ThrowsAsync<CoordinatorLostException>(() => join);
    }

    [Fact]
    public async Task A_refusal_is_final()
    {
        _coordinator.OnJoin = _ => Count(Refused(RefusalKind.Mismatch, "It runs another build."));
        var error = await Assert.ThrowsAsync<CoordinatorRefusedException>(() => Client().JoinAsync(RunScript.JoinRequest(0)));
        Assert.Equal("It runs another build.", error.Message);
        Assert.Equal(1, _calls);
    }

    [Fact]
    public async Task A_name_that_a_dead_process_still_has_is_asked_for_until_it_is_free()
    {
        _coordinator.OnJoin = _ => ++_calls <= 3 ? Refused(RefusalKind.NameTaken, "taken") : Assigned();
        var join = Client().JoinAsync(RunScript.JoinRequest(0));
        await PassAsync(0.1, 0.1, 0.1);
        Assert.Equal(0, (await join).Assignment!.Rank);
    }

    [Fact]
    public async Task A_name_that_a_living_process_has_is_refused_after_six_seconds()
    {
        _coordinator.OnJoin = _ => Count(Refused(RefusalKind.NameTaken, "Another process has the name worker-0."));
        var join = Client().JoinAsync(RunScript.JoinRequest(0));
        await PassAsync([.. Enumerable.Repeat(0.1, 60)]);
        Assert.Equal("Another process has the name worker-0.", (await Assert.ThrowsAsync<CoordinatorRefusedException>(() => join)).Message);
        Assert.Equal(61, _calls);
    }

    [Fact]
    public async Task A_held_call_is_asked_again()
    {
        _coordinator.OnReport = _ =>
            ++_calls <= 3
                ? _coordinator.AnswerAsync(new RunReply.Held())
                : _coordinator.AnswerAsync(new RunReply.Directed(Directive.Rejoin));
        Assert.Equal(Directive.Rejoin, await Client().ReportAsync(new WorkerReport("worker-0", "i", 1, WorkerOutcome.Completed, 3)));
        Assert.Equal(4, _calls);
    }

    [Fact]
    public async Task An_answer_of_an_activation_that_was_replaced_does_not_count()
    {
        var client = Client();
        _coordinator.Term = 2;
        await BeatAsync(client);
        _coordinator.OnJoin = _ =>
        {
            // The zombie answers first.
            _coordinator.Term = ++_calls;
            return _calls == 1 ? Refused(RefusalKind.WrongPhase, "The run has ended.") : Assigned();
        };

        var join = client.JoinAsync(RunScript.JoinRequest(0));
        await PassAsync(0.1);

        Assert.NotNull((await join).Assignment);
        Assert.Equal((2, 2), (client.Term, _calls));
    }

    [Fact]
    public async Task A_call_that_a_takeover_has_left_behind_is_given_up_when_a_heartbeat_tells_of_it()
    {
        var client = Client();
        await BeatAsync(client);
        var asked = new SemaphoreSlim(0);
        _coordinator.OnJoin = _ =>
        {
            asked.Release();
            return ++_calls == 1 ? new TaskCompletionSource<Answered>().Task : Assigned();
        };
        var join = client.JoinAsync(RunScript.JoinRequest(0));
        await asked.WaitAsync();
        await BeatAsync(client);
        Assert.False(join.IsCompleted);

        _coordinator.Term = 2;
        await BeatAsync(client);

        Assert.NotNull((await join).Assignment);
        Assert.Equal(2, _calls);
    }

    [Fact]
    public async Task A_call_can_be_cancelled_while_it_waits()
    {
        using var cancel = new CancellationTokenSource();
        _coordinator.OnJoin = _ => new TaskCompletionSource<Answered>().Task;
        var join = Client().JoinAsync(RunScript.JoinRequest(0), cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => join);
    }

    [Fact]
    public async Task A_call_can_be_cancelled_between_two_tries()
    {
        using var cancel = new CancellationTokenSource();
        _coordinator.OnJoin = _ => Task.FromException<Answered>(new TimeoutException("No answer."));
        var join = Client().JoinAsync(RunScript.JoinRequest(0), cancel.Token);
        await _time.WhenTimerRunsAsync(FirstPause);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => join);
    }

    [Fact]
    public async Task A_key_that_is_not_there_yet_is_asked_for_again()
    {
        _coordinator.OnStore = _ => Task.FromResult(++_calls <= 2 ? null : new StoreAnswer([7]));
        Assert.Equal([7], (await Client().StoreAsync(new StoreRequest("worker-0", 1, StoreOp.Get, "k"))).Value);
    }

    [Fact]
    public async Task The_keys_of_a_generation_that_is_over_are_refused_at_once()
    {
        _coordinator.OnStore = _ =>
            ++_calls == 1
                ? Task.FromResult<StoreAnswer?>(null)
                : Task.FromException<StoreAnswer?>(new CoordinatorRefusedException("Generation 1 is over."));
        await Assert.ThrowsAsync<CoordinatorRefusedException>(() => Client().StoreAsync(new StoreRequest("worker-0", 1, StoreOp.Get, "k")));
        Assert.Equal(2, _calls);
    }

    [Fact]
    public async Task A_worker_reads_the_shard_of_its_generation_and_none_when_that_is_over()
    {
        var shard = new Shard(0, 1, 0, 8, []);
        _coordinator.OnShard = generation => Task.FromResult(generation == 2 ? new WorkerShard(new Assignment(2, 0, 1, 5), shard) : null);
        Assert.Same(shard, await Client().ShardAsync(2));
        Assert.Null(await Client().ShardAsync(1));
    }

    private CoordinatorClient Client(double retryFor = 30) =>
        new(_coordinator.Grains, "demo", "worker-0", _time) { RetryFor = TimeSpan.FromSeconds(retryFor) };

    private Task BeatAsync(CoordinatorClient client)
    {
        _coordinator.OnBeat = beat =>
            _coordinator.AnswerAsync(new RunReply.HeartbeatReply(new HeartbeatAnswer(beat.Generation, Directive.Continue, 0)));
        return client.HeartbeatAsync(new Heartbeat("worker-0", "i", 0, 0, [], []), TimeSpan.Zero, CancellationToken.None);
    }

    private Task<Answered> Assigned() => _coordinator.AnswerAsync(new RunReply.Assigned(new Assignment(1, 0, 1, 0)));

    private Task<Answered> Refused(RefusalKind kind, string reason) => _coordinator.AnswerAsync(new RunReply.Refused(kind, reason));

    private Task<Answered> Count(Task<Answered> answer)
    {
        _calls++;
        return answer;
    }

    /// <summary>Pauses of the client between attempts, in seconds.</summary>
    private async Task PassAsync(params double[] pauses)
    {
        foreach (var pause in pauses)
        {
            await _time.WhenTimerRunsAsync(TimeSpan.FromSeconds(pause));
            _time.Advance(TimeSpan.FromSeconds(pause));
        }
    }
}
