using System.Collections.Concurrent;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.Tests.Rules;

namespace ClipTrain.Coordinator.Tests.Processes;

public sealed class HeartbeatLoopTests
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly RecordBatch None = new([], HasMore: false);

    private readonly ManualTimeProvider _time = new();

    [Fact]
    public async Task A_worker_is_heard_of_before_it_has_a_place()
    {
        var script = new RunScript(2);
        script.Join(0);
        script.Sleep(TimeSpan.FromSeconds(5));
        await using var heartbeat = Start(FakeCoordinator.Of(script));
        await heartbeat.FlushAsync();
        Assert.Equal(script.Now, script.Member(0).LastHeard);
        Assert.Equal(Directive.Continue, heartbeat.TakeDirective());
    }

    [Fact]
    public async Task A_checkpoint_request_is_handed_out_once_and_the_next_one_again()
    {
        var script = new RunScript(1).Form();
        var coordinator = FakeCoordinator.Of(script);
        var client = Client(coordinator);
        await using var heartbeat = Start(client, () => new WorkerProgress(5, None, []));
        heartbeat.Enter(1);
        await heartbeat.FlushAsync();
        Assert.Equal(Directive.Continue, heartbeat.TakeDirective());
        for (var step = 6; step < 9; step++)
        {
            coordinator.Do(() => script.Send(new RunMessage.CheckpointRequested()));
            await heartbeat.FlushAsync();
            Assert.Equal(Directive.Checkpoint, heartbeat.TakeDirective());
            Assert.Equal(Directive.Continue, heartbeat.TakeDirective());
            await heartbeat.FlushAsync();
            Assert.Equal(Directive.Continue, heartbeat.TakeDirective());
            await client.CheckpointWrittenAsync("process-0-0", step, "d");
        }

        await heartbeat.FlushAsync();
        Assert.Equal(Directive.Continue, heartbeat.TakeDirective());
    }

    [Fact]
    public async Task A_stop_is_repeated()
    {
        var script = new RunScript(1).Form();
        var coordinator = FakeCoordinator.Of(script);
        await using var heartbeat = Start(coordinator, () => new WorkerProgress(5, None, []));
        heartbeat.Enter(1);
        coordinator.Do(() => script.Stop());
        await heartbeat.FlushAsync();
        Assert.Equal(Directive.Stop, heartbeat.TakeDirective());
        Assert.Equal(Directive.Stop, heartbeat.TakeDirective());
    }

    [Fact]
    public async Task The_loop_beats_on_its_own()
    {
        var (coordinator, beats) = Counting();
        await using var heartbeat = Start(coordinator);
        await beats.WaitAsync();
        for (var beat = 1; beat <= 3; beat++)
        {
            await _time.WhenTimerRunsAsync(Interval);
            _time.Advance(Interval);
            await beats.WaitAsync();
        }

        Assert.Equal(0, beats.CurrentCount);
    }

    [Fact]
    public async Task A_hint_of_the_coordinator_brings_the_next_heartbeat_forward()
    {
        var (coordinator, beats) = Counting();
        var attached = new TaskCompletionSource<IWorkerObserver>();
        coordinator.OnAttach = process =>
        {
            attached.SetResult(process);
            return Task.CompletedTask;
        };
        await using var heartbeat = Start(coordinator);
        await beats.WaitAsync();
        var process = await attached.Task;
        for (var hint = 1; hint <= 3; hint++)
        {
            await process.BeatNowAsync();
            await beats.WaitAsync();
        }
    }

    [Fact]
    public async Task Each_activation_of_the_run_is_told_once_where_the_worker_can_be_reached()
    {
        var (coordinator, beats) = Counting();
        var attached = new ConcurrentQueue<long>();
        coordinator.OnAttach = process =>
        {
            attached.Enqueue(coordinator.Term);

            // One that is lost is not repeated, nor does it disturb the loop.
            return Task.FromException(new TimeoutException("No answer."));
        };
        await using var heartbeat = Start(coordinator);
        await beats.WaitAsync();
        foreach (var term in new[] { 1, 1, 4, 4, 5 })
        {
            coordinator.Term = term;
            for (var beat = 0; beat < 2; beat++)
            {
                await ((IWorkerObserver)heartbeat).BeatNowAsync();
                await beats.WaitAsync();
            }
        }

        Assert.Equal([1, 4], attached.Take(2));
        Assert.Equal(attached.Distinct(), attached);
    }

    [Fact]
    public async Task Records_are_acknowledged_when_the_coordinator_says_so()
    {
        var recorded = 0L;
        var coordinator = new FakeCoordinator();
        coordinator.OnBeat = beat =>
            coordinator.AnswerAsync(new RunReply.HeartbeatReply(new HeartbeatAnswer(beat.Generation, Directive.Continue, recorded)));
        var acknowledged = new ConcurrentQueue<long>();
        await using var heartbeat = Start(
            Client(coordinator),
            () => new WorkerProgress(3, new RecordBatch(RunScript.Records(1, 3), HasMore: false), []),
            answer => acknowledged.Enqueue(answer.RecordedStep)
        );
        await heartbeat.FlushAsync();
        Assert.All(acknowledged, step => Assert.Equal(0, step));
        recorded = 3;
        await heartbeat.FlushAsync();
        Assert.Equal(3, acknowledged.Last());
    }

    [Fact]
    public async Task More_records_than_a_heartbeat_carries_follow_at_once()
    {
        var queue = Queue(1200);
        var script = new RunScript(1).Form();
        var coordinator = FakeCoordinator.Of(script);
        var beats = new ConcurrentQueue<(int Count, bool HasMore)>();
        var (send, drained) = (coordinator.OnBeat, new TaskCompletionSource());
        coordinator.OnBeat = beat =>
        {
            beats.Enqueue((beat.Records.Count, beat.HasMoreRecords));
            return send(beat);
        };
        var isIn = false;
        await using var heartbeat = Start(
            Client(coordinator),
            () => new WorkerProgress(1200, Volatile.Read(ref isIn) ? queue.Batch() : None, []),
            answer =>
            {
                queue.Acknowledge(answer.RecordedStep);
                if (queue.Count == 0)
                {
                    drained.TrySetResult();
                }
            }
        );
        heartbeat.Enter(1);
        await heartbeat.FlushAsync();
        beats.Clear();
        Volatile.Write(ref isIn, true);

        // No time passes.
        await ((IWorkerObserver)heartbeat).BeatNowAsync();
        await drained.Task;

        Assert.Equal([(512, true), (512, true), (176, false)], beats.Where(beat => beat.Count > 0));
        Assert.Equal(Enumerable.Range(1, 1200).Select(step => (long)step), script.Recorded);
    }

    [Fact]
    public async Task A_flush_delivers_all_records()
    {
        var queue = Queue(1200);
        var script = new RunScript(1).Form();
        await using var heartbeat = Start(
            Client(FakeCoordinator.Of(script)),
            () => new WorkerProgress(1200, queue.Batch(), []),
            answer => queue.Acknowledge(answer.RecordedStep)
        );
        heartbeat.Enter(1);
        await heartbeat.FlushAsync();
        Assert.Equal(1200, script.Recorded.Last());
    }

    [Fact]
    public async Task Records_that_cannot_be_written_now_are_sent_again_after_an_interval_and_not_at_once()
    {
        var queue = Queue(1200);
        var (coordinator, beats) = Counting();
        await using var heartbeat = Start(
            Client(coordinator),
            () => new WorkerProgress(1200, queue.Batch(), []),
            answer => queue.Acknowledge(answer.RecordedStep)
        );
        await beats.WaitAsync();
        await heartbeat.FlushAsync();
        await beats.WaitAsync();
        Assert.Equal(0, beats.CurrentCount);
        Assert.Equal(1200, queue.Count);
    }

    [Fact]
    public async Task Warnings_are_kept_until_they_are_delivered()
    {
        var coordinator = new FakeCoordinator();
        var delivered = new ConcurrentQueue<string>();
        var isThere = false;
        coordinator.OnBeat = beat =>
        {
            if (!isThere)
            {
                return Task.FromException<Answered>(new TimeoutException("No answer."));
            }

            beat.Warnings.ToList().ForEach(delivered.Enqueue);
            return coordinator.AnswerAsync(new RunReply.HeartbeatReply(new HeartbeatAnswer(beat.Generation, Directive.Continue, 0)));
        };
        var pending = new ConcurrentQueue<string>(["one", "two"]);
        await using var heartbeat = Start(
            Client(coordinator, retryFor: TimeSpan.Zero),
            () => new WorkerProgress(0, None, pending.TryDequeue(out var next) ? [next] : []),
            loseAfter: TimeSpan.FromHours(1)
        );
        heartbeat.Enter(1);
        await Assert.ThrowsAsync<CoordinatorLostException>(() => heartbeat.FlushAsync());
        await Assert.ThrowsAsync<CoordinatorLostException>(() => heartbeat.FlushAsync());

        isThere = true;
        await heartbeat.FlushAsync();
        await heartbeat.FlushAsync();

        Assert.Equal(["one", "two"], delivered);
    }

    [Fact]
    public async Task When_a_generation_breaks_its_token_is_cancelled_and_the_next_one_has_its_own()
    {
        var script = new RunScript(2).Form();
        var coordinator = FakeCoordinator.Of(script);
        await using var heartbeat = Start(coordinator);
        var broken = heartbeat.Enter(1);
        await heartbeat.FlushAsync();
        Assert.False(broken.IsCancellationRequested);

        coordinator.Do(() => script.Exit(1, 137));
        await heartbeat.FlushAsync();

        Assert.True(broken.IsCancellationRequested);
        Assert.False(heartbeat.Enter(2).IsCancellationRequested);
        Assert.Equal(Directive.Continue, heartbeat.TakeDirective());
    }

    [Fact]
    public async Task An_answer_to_a_generation_that_the_worker_has_left_means_nothing()
    {
        var script = new RunScript(2).Form();
        var coordinator = FakeCoordinator.Of(script);
        var acknowledged = 0;
        var first = new TaskCompletionSource();
        HeartbeatLoop? loop = null;
        CancellationToken? next = null;
        var leaves = false;
        await using var heartbeat = loop = Start(
            Client(coordinator),
            () =>
            {
                // The worker enters the next generation while a heartbeat of the one before is on its way.
                next = leaves ? loop!.Enter(2) : null;
                return new WorkerProgress(0, None, []);
            },
            _ =>
            {
                acknowledged++;
                first.TrySetResult();
            }
        );
        await first.Task;
        loop.Enter(1);
        await loop.FlushAsync();
        coordinator.Do(() => script.Exit(1, 137));
        Assert.Equal(2, acknowledged);
        leaves = true;

        await loop.FlushAsync();

        Assert.False(next!.Value.IsCancellationRequested);
        Assert.Equal(2, acknowledged);
        Assert.Equal(Directive.Continue, loop.TakeDirective());
    }

    [Fact]
    public async Task A_worker_whose_run_has_ended_without_it_is_torn_out_too()
    {
        var script = new RunScript(1, managed: 0).Form();
        var coordinator = FakeCoordinator.Of(script);
        await using var heartbeat = Start(coordinator);
        var broken = heartbeat.Enter(1);
        coordinator.Do(() => script.Stop(atOnce: true));
        await heartbeat.FlushAsync();
        Assert.True(broken.IsCancellationRequested);
        Assert.Equal(Directive.Abort, heartbeat.TakeDirective());
    }

    [Fact]
    public async Task A_worker_learns_that_its_coordinator_has_gone()
    {
        var script = new RunScript(1).Form();
        var coordinator = FakeCoordinator.Of(script);
        var asked = new SemaphoreSlim(0);
        await using var heartbeat = Start(
            Client(coordinator),
            () =>
            {
                asked.Release();
                return new WorkerProgress(1, None, []);
            },
            loseAfter: TimeSpan.FromSeconds(5)
        );
        await heartbeat.FlushAsync();
        Assert.False(heartbeat.CoordinatorLost.IsCancellationRequested);
        var lost = new TaskCompletionSource();
        heartbeat.CoordinatorLost.Register(lost.SetResult);
        coordinator.OnBeat = _ => Task.FromException<Answered>(new TimeoutException("No answer."));
        var start = _time.GetUtcNow();

        while (!lost.Task.IsCompleted)
        {
            await _time.WhenTimerRunsAsync(Interval);
            _time.Advance(Interval);
            await Task.WhenAny(lost.Task, asked.WaitAsync());
        }

        Assert.IsType<CoordinatorLostException>(heartbeat.LossReason);
        Assert.True(_time.GetUtcNow() - start >= TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task A_worker_that_is_refused_counts_its_coordinator_as_lost()
    {
        var coordinator = new FakeCoordinator();
        coordinator.OnBeat = _ => coordinator.AnswerAsync(new RunReply.Refused(RefusalKind.Invalid, "That cannot be."));
        await using var heartbeat = Start(coordinator);
        var lost = new TaskCompletionSource();
        heartbeat.CoordinatorLost.Register(lost.SetResult);
        await lost.Task;
        Assert.Equal("That cannot be.", heartbeat.LossReason!.Message);
    }

    private static RecordQueue Queue(int steps)
    {
        var queue = new RecordQueue();
        foreach (var record in RunScript.Records(1, steps, world: 1))
        {
            queue.Add(record);
        }

        return queue;
    }

    /// <summary>A coordinator that records nothing, and a counter of its heartbeats.</summary>
    private static (FakeCoordinator Coordinator, SemaphoreSlim Beats) Counting()
    {
        var (coordinator, beats) = (new FakeCoordinator(), new SemaphoreSlim(0));
        coordinator.OnBeat = beat =>
        {
            beats.Release();
            return coordinator.AnswerAsync(new RunReply.HeartbeatReply(new HeartbeatAnswer(beat.Generation, Directive.Continue, 0)));
        };
        return (coordinator, beats);
    }

    private CoordinatorClient Client(FakeCoordinator coordinator, TimeSpan? retryFor = null) =>
        new(coordinator.Grains, "demo", "worker-0", _time) { RetryFor = retryFor ?? TimeSpan.FromSeconds(30) };

    private HeartbeatLoop Start(FakeCoordinator coordinator, Func<WorkerProgress>? progress = null) =>
        Start(Client(coordinator), progress ?? (() => new WorkerProgress(0, None, [])));

    private static HeartbeatLoop Start(
        CoordinatorClient client,
        Func<WorkerProgress> progress,
        Action<HeartbeatAnswer>? acknowledge = null,
        TimeSpan? loseAfter = null
    ) => HeartbeatLoop.Start(client, "process-0-0", Interval, progress, acknowledge ?? (_ => { }), loseAfter);
}
