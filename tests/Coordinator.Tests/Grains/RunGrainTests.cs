using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Tests.Rules;

namespace ClipTrain.Coordinator.Tests.Grains;

/// <summary>A run with workers, on one silo.</summary>
public sealed class RunGrainTests
{
    private static readonly IOException FullDisk = new("No space left on device");

    [Fact]
    public async Task A_run_goes_from_joins_to_completion()
    {
        await using var cluster = await RunCluster.StartAsync(RunCluster.Spec(3));
        var clients = Enumerable.Range(0, 3).Select(cluster.Client).ToList();
        var early = clients[2].JoinAsync(RunScript.JoinRequest(2));
        await cluster.UntilAsync(state => state.Find("worker-2")?.Status == MemberStatus.Joined);
        Assert.False(early.IsCompleted);

        var ranks = (
            await Task.WhenAll(clients[0].JoinAsync(RunScript.JoinRequest(0)), clients[1].JoinAsync(RunScript.JoinRequest(1)), early)
        )
            .Select(answer => answer.Assignment!)
            .ToList();
        Assert.Equal([new Assignment(1, 0, 3, 0), new Assignment(1, 1, 3, 0), new Assignment(1, 2, 3, 0)], ranks);
        var answer = await cluster.BeatAsync(RunCluster.Beat(0, 10, records: RunScript.Records(1, 10, world: 3)));
        Assert.Equal(new HeartbeatAnswer(1, Directive.Continue, 10), answer);
        await clients[0].CheckpointWrittenAsync("process-0-0", 10, "checkpoints/step-10");
        var ends = await Task.WhenAll(
            clients.Select((client, slot) => client.ReportAsync(RunCluster.Report(slot, WorkerOutcome.Completed, 10)))
        );
        Assert.All(ends, end => Assert.Equal(Directive.Continue, end));

        await cluster.PassUntilAsync(() => !cluster.Hosting.Concluded.IsEmpty);
        Assert.Equal(
            new RunOutcome(OutcomeKind.Completed, "completed at step 10", new CheckpointMark(10, "checkpoints/step-10")),
            Assert.Single(cluster.Hosting.Concluded)
        );
        Assert.Equal(Enumerable.Range(1, 10).Select(step => RunScript.Metrics(step)), cluster.Observer.Metrics);
        Assert.Equal(Enumerable.Range(1, 10).Select(step => (long)step), cluster.Ledger.Steps);
        Assert.Equal(RunPhase.Completed, cluster.Observer.States.Last().Phase);
        var generation = Assert.Single(cluster.Ledger.Generations);
        Assert.Equal(["worker-0", "worker-1", "worker-2"], generation.Workers);
        Assert.Equal(Enumerable.Range(0, 3).Select(rank => MemoryHosting.ShardOf(rank, 3, 0).Digest()), generation.Shards);
    }

    [Fact]
    public async Task A_run_that_goes_back_publishes_the_repeated_steps_again()
    {
        await using var cluster = await RunCluster.StartAsync(RunCluster.Spec(1) with { Rollbacks = 1 });
        var client = cluster.Client(0);
        await client.JoinAsync(RunScript.JoinRequest(0));
        await cluster.BeatAsync(RunCluster.Beat(0, 9, records: RunScript.Records(1, 9, world: 1)));
        var fifth = new CheckpointMark(5, "checkpoints/step-5");
        await client.CheckpointWrittenAsync("process-0-0", 5, fifth.Directory);
        await cluster.Run.DivergedAsync(new StepRange(7, 9), fifth);
        Assert.Equal([new StepRange(7, 9)], Assert.Single(cluster.Hosting.PassedOver));
        Assert.Empty(cluster.Hosting.WentBack);
        Assert.Equal(Directive.Rejoin, (await cluster.BeatAsync(RunCluster.Beat(0, 9))).Directive);

        var answer = await client.JoinAsync(RunScript.JoinRequest(0) with { HeldStep = 9, LeftGeneration = 1, Reason = "over" });
        Assert.Equal((5L, fifth), (answer.Assignment!.StartStep, answer.Assignment.Checkpoint!));
        Assert.Equal([new StepRange(7, 9)], answer.Assignment.PassedOver!);
        Assert.Equal([(5L, 9)], cluster.Hosting.WentBack);
        await cluster.BeatAsync(RunCluster.Beat(0, 7, generation: 2, records: RunScript.Records(6, 7, generation: 2, world: 1)));

        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 6, 7], cluster.Observer.Metrics.Select(metrics => metrics.Step));
        Assert.Equal([1, 2], cluster.Ledger.Generations.Select(generation => generation.Generation));
    }

    [Fact]
    public async Task No_rank_is_answered_before_the_shard_of_every_rank_is_with_its_worker_s_grain()
    {
        await using var cluster = await RunCluster.StartAsync(RunCluster.Spec(2));
        var reached = new TaskCompletionSource();
        var held = new TaskCompletionSource();
        cluster.OnCall = context =>
        {
            if (context.MethodName != nameof(IWorkerGrain.AssignAsync) || context.TargetId.Key.ToString() != "demo/worker-1")
            {
                return Task.CompletedTask;
            }

            reached.TrySetResult();
            return held.Task;
        };
        var joins = new[] { 0, 1 }.Select(slot => cluster.Client(slot).JoinAsync(RunScript.JoinRequest(slot))).ToList();
        await reached.Task;
        await cluster.Run.StatusAsync();
        Assert.All(joins, join => Assert.False(join.IsCompleted));
        held.SetResult();

        await Task.WhenAll(joins);
        for (var rank = 0; rank < 2; rank++)
        {
            var status = await cluster.Grains.GetGrain<IWorkerGrain>($"demo/worker-{rank}").StatusAsync();
            Assert.Equal(new Assignment(1, rank, 2, 0), status.Shard!.Assignment);
            Assert.Equal(MemoryHosting.ShardOf(rank, 2, 0).Digest(), status.Shard.Shard.Digest());
            Assert.Equal(MemoryHosting.ShardOf(rank, 2, 0).Digest(), (await cluster.Client(rank).ShardAsync(1))!.Digest());
            Assert.Null(await cluster.Client(rank).ShardAsync(2));
        }
    }

    [Fact]
    public async Task A_worker_s_grain_that_cannot_be_reached_holds_up_nobody_and_learns_its_shard_later()
    {
        await using var cluster = await RunCluster.StartAsync(RunCluster.Spec(2));
        cluster.OnCall = context =>
            context.MethodName == nameof(IWorkerGrain.AssignAsync)
                ? Task.FromException(new SiloUnavailableException("The silo has died."))
                : Task.CompletedTask;

        await Task.WhenAll(new[] { 0, 1 }.Select(slot => cluster.Client(slot).JoinAsync(RunScript.JoinRequest(slot))));

        Assert.Equal(RunPhase.Running, (await cluster.StateAsync()).Phase);
        Assert.Equal(MemoryHosting.ShardOf(1, 2, 0).Digest(), (await cluster.Client(1).ShardAsync(1))!.Digest());
    }

    [Fact]
    public async Task The_ranks_of_a_generation_meet_in_a_store_that_ends_with_it()
    {
        await using var cluster = await RunCluster.StartAsync(RunCluster.Spec(2));
        Task<StoreAnswer> Ask(int slot, StoreOp op, string key, byte[]? value = null, int generation = 1) =>
            cluster.Client(slot).StoreAsync(new StoreRequest(WorkerIds.ForSlot(slot), generation, op, key, value));
        await Assert.ThrowsAsync<CoordinatorRefusedException>(() => Ask(0, StoreOp.Set, "k", [1]));
        await Task.WhenAll(new[] { 0, 1 }.Select(slot => cluster.Client(slot).JoinAsync(RunScript.JoinRequest(slot))));

        var get = Ask(1, StoreOp.Get, "address");
        await cluster.Time.WhenTimerRunsAsync(HeldCalls.Limit);
        cluster.Time.Advance(HeldCalls.Limit);
        await Ask(0, StoreOp.Set, "address", [7]);
        Assert.Equal([7], (await get).Value);
        await Assert.ThrowsAsync<CoordinatorRefusedException>(() => Ask(0, StoreOp.Get, "address", generation: 2));

        var never = Ask(1, StoreOp.Get, "never");
        var again = cluster
            .Client(0)
            .JoinAsync(RunScript.JoinRequest(0) with { HeldStep = 0, LeftGeneration = 1, Reason = "a collective failed" });
        Assert.Contains(
            "Generation 1 is over",
            (await Assert.ThrowsAsync<CoordinatorRefusedException>(() => never)).Message,
            StringComparison.Ordinal
        );
        await cluster.Client(1).JoinAsync(RunScript.JoinRequest(1) with { HeldStep = 0, LeftGeneration = 1 });
        Assert.Equal(2, (await again).Assignment!.Generation);
        await Ask(0, StoreOp.Set, "address", [8], generation: 2);
        Assert.Equal([8], (await Ask(1, StoreOp.Get, "address", generation: 2)).Value);
        await Assert.ThrowsAsync<CoordinatorRefusedException>(() => Ask(0, StoreOp.Get, "address"));
    }

    [Fact]
    public async Task A_call_that_is_not_decided_is_given_back_after_five_seconds_and_asking_again_loses_nothing()
    {
        await using var cluster = await RunCluster.StartAsync(RunCluster.Spec(2));
        for (var round = 0; round < 2; round++)
        {
            var held = cluster.Run.JoinAsync(RunScript.JoinRequest(0));
            await cluster.Time.WhenTimerRunsAsync(HeldCalls.Limit);
            cluster.Time.Advance(HeldCalls.Limit);
            Assert.Equal(new Answered(1, new RunReply.Held()), await held);
        }

        var first = cluster.Run.JoinAsync(RunScript.JoinRequest(0));
        var twice = cluster.Run.JoinAsync(RunScript.JoinRequest(0));
        await cluster.Run.JoinAsync(RunScript.JoinRequest(1));
        Assert.Equal(new Answered(1, new RunReply.Assigned(new Assignment(1, 0, 2, 0))), await first);
        Assert.Equal(await first, await twice);
    }

    [Fact]
    public async Task Heartbeats_that_arrive_during_a_turn_are_each_answered_by_the_next()
    {
        await using var cluster = await RunCluster.FormAsync(1);
        var reached = new TaskCompletionSource();
        var held = new TaskCompletionSource();
        cluster.Storage.OnWrite = (_, _) => reached.TrySetResult() ? held.Task : Task.CompletedTask;
        var turn = cluster.Run.CheckpointAsync();
        await reached.Task;
        var beats = await cluster.EnterAsync(
            nameof(IRunGrain.BeatAsync),
            Enumerable
                .Range(1, 20)
                .Select<int, Func<Task<Answered>>>(number =>
                    () => cluster.Run.BeatAsync(RunCluster.Beat(0, number == 20 ? -1 : number, generation: number))
                )
        );
        Assert.All(beats, beat => Assert.False(beat.IsCompleted));
        held.SetResult();

        await turn;
        var answers = (await Task.WhenAll(beats)).Select(answer => answer.Reply).ToList();
        Assert.Equal(Enumerable.Range(1, 19), answers.OfType<RunReply.HeartbeatReply>().Select(reply => reply.Answer.Generation));
        Assert.Contains("-1", Assert.IsType<RunReply.Refused>(answers[19]).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_run_that_has_not_begun_is_asked_again_until_it_has()
    {
        await using var cluster = await RunCluster.DeployAsync();
        var asked = new SemaphoreSlim(0);
        cluster.OnCall = context =>
        {
            if (context.MethodName is nameof(IRunGrain.JoinAsync) or nameof(IRunGrain.BeatAsync))
            {
                asked.Release();
            }

            return Task.CompletedTask;
        };
        var error = await Assert.ThrowsAsync<InvalidOperationException>(() => cluster.Run.BeatAsync(RunCluster.Beat(0, 0)));
        Assert.Equal("Run demo has not started yet.", error.Message);
        var join = cluster.Client(0).JoinAsync(RunScript.JoinRequest(0));
        await asked.WaitAsync();
        await asked.WaitAsync();
        Assert.Null((await cluster.Run.StatusAsync()).State);

        await cluster.Run.StartAsync(new RunStart(RunCluster.Spec(1), null, Continues: false));

        Assert.Equal(0, (await join).Assignment!.Rank);
    }

    [Fact]
    public async Task On_a_full_disk_records_are_not_acknowledged_and_go_to_the_ledger_when_it_has_room()
    {
        await using var cluster = await RunCluster.FormAsync(1);
        cluster.Ledger.Failure = FullDisk;
        var beat = RunCluster.Beat(0, 4, records: RunScript.Records(1, 3, world: 1)) with { HasMoreRecords = true };
        for (var time = 0; time < 2; time++)
        {
            Assert.Equal(new HeartbeatAnswer(1, Directive.Continue, 0), await cluster.BeatAsync(beat));
        }

        Assert.Empty(cluster.Ledger.Steps);
        Assert.Equal(
            [$"the run's ledger could not be written: {FullDisk.Message} Workers keep their records until it can be written."],
            cluster.Observer.Warnings
        );

        cluster.Ledger.Failure = null;
        Assert.Equal(new HeartbeatAnswer(1, Directive.Continue, 3) { WantsMoreRecords = true }, await cluster.BeatAsync(beat));
        Assert.Equal([1, 2, 3], cluster.Ledger.Steps);
        Assert.Equal([1, 2, 3], cluster.Observer.Metrics.Select(metrics => metrics.Step));
    }

    [Fact]
    public async Task A_state_that_cannot_be_written_is_a_warning()
    {
        await using var cluster = await RunCluster.StartAsync(RunCluster.Spec(1));
        cluster.Storage.OnWrite = (_, _) => Task.FromException(FullDisk);
        Assert.NotNull((await cluster.Client(0).JoinAsync(RunScript.JoinRequest(0))).Assignment);
        Assert.Contains($"the run's state could not be written: {FullDisk.Message}", cluster.Observer.Warnings);
    }

    [Fact]
    public async Task A_run_that_could_not_begin_for_a_full_disk_begins_when_it_is_asked_again()
    {
        await using var cluster = await RunCluster.DeployAsync();
        var start = new RunStart(RunCluster.Spec(1), null, Continues: false);
        cluster.Storage.OnWrite = (state, _) => state is RunRecord { State: not null } ? Task.FromException(FullDisk) : Task.CompletedTask;
        await Assert.ThrowsAsync<IOException>(() => cluster.Run.StartAsync(start));
        cluster.Storage.OnWrite = (_, _) => Task.CompletedTask;
        cluster.Hosting.Failure = FullDisk;
        await Assert.ThrowsAsync<IOException>(() => cluster.Run.StartAsync(start));
        await Assert.ThrowsAsync<IOException>(() => cluster.Run.BeatAsync(RunCluster.Beat(0, 0)));
        cluster.Hosting.Failure = null;

        await cluster.Run.StartAsync(start);
        Assert.NotNull((await cluster.Client(0).JoinAsync(RunScript.JoinRequest(0))).Assignment);
    }

    [Fact]
    public async Task An_observer_that_throws_does_not_disturb_the_run()
    {
        await using var cluster = await RunCluster.DeployAsync();
        cluster.Hosting.Before = new ThrowingObserver();
        await cluster.Run.StartAsync(new RunStart(RunCluster.Spec(1), null, Continues: false));
        await cluster.Client(0).JoinAsync(RunScript.JoinRequest(0));
        Assert.Equal(3, (await cluster.BeatAsync(RunCluster.Beat(0, 3, records: RunScript.Records(1, 3, world: 1)))).RecordedStep);
        Assert.Equal(Directive.Continue, await cluster.Client(0).ReportAsync(RunCluster.Report(0, WorkerOutcome.Completed, 3)));
        await cluster.PassUntilAsync(() => !cluster.Hosting.Concluded.IsEmpty);
    }

    [Fact]
    public async Task A_step_that_is_done_again_is_recorded_again_and_published_once()
    {
        await using var cluster = await RunCluster.FormAsync(1);
        var client = cluster.Client(0);
        await cluster.BeatAsync(RunCluster.Beat(0, 4, records: RunScript.Records(1, 4, world: 1)));
        await client.CheckpointWrittenAsync("process-0-0", 2, "step-2");
        var again = (await client.JoinAsync(RunScript.JoinRequest(0) with { LeftGeneration = 1, Reason = "lost its state" })).Assignment!;
        Assert.Equal((2, 2), (again.Generation, again.StartStep));

        await cluster.BeatAsync(RunCluster.Beat(0, 5, generation: 2, RunScript.Records(3, 5, generation: 2, world: 1)));

        Assert.Equal([1, 2, 3, 4, 3, 4, 5], cluster.Ledger.Steps);
        Assert.Equal([1, 2, 3, 4, 5], cluster.Observer.Metrics.Select(metrics => metrics.Step));
    }

    [Fact]
    public async Task A_run_that_goes_on_from_a_checkpoint_publishes_the_steps_behind_it_though_the_ledger_has_them()
    {
        await using var cluster = await RunCluster.DeployAsync();
        cluster.Ledger.Write([
            new LedgerEntry(new GenerationRecord(1, 0, ["worker-0"], RunScript.Start)),
            .. RunScript.Records(1, 6, world: 1).Select(step => new LedgerEntry(Step: step)),
        ]);
        await cluster.Run.StartAsync(new RunStart(RunCluster.Spec(1), new CheckpointMark(4, "step-4"), Continues: false));
        var assignment = (await cluster.Client(0).JoinAsync(RunScript.JoinRequest(0))).Assignment!;
        Assert.Equal(new CheckpointMark(4, "step-4"), assignment.Checkpoint);

        await cluster.BeatAsync(RunCluster.Beat(0, 7, records: RunScript.Records(5, 7, world: 1)));

        Assert.Equal([5, 6, 7], cluster.Observer.Metrics.Select(metrics => metrics.Step));
        Assert.Equal([1, 2, 3, 4, 5, 6, 5, 6, 7], cluster.Ledger.Steps);
        Assert.Equal(4, cluster.Ledger.Generations.Last().StartStep);
    }

    [Fact]
    public async Task A_checkpoint_whose_writer_did_not_live_to_tell_of_it_is_where_the_next_generation_starts()
    {
        await using var cluster = await RunCluster.FormAsync(1);
        await cluster.BeatAsync(RunCluster.Beat(0, 6, records: RunScript.Records(1, 6, world: 1)));
        cluster.Hosting.Checkpoint = new CheckpointMark(5, "step-5");
        await cluster.Run.WorkerExitedAsync(new WorkerExit("worker-0", 0, 137, []));

        var again = (await cluster.Client(0).JoinAsync(RunScript.JoinRequest(0, start: 1))).Assignment!;

        Assert.Equal((2, 5, new CheckpointMark(5, "step-5")), (again.Generation, again.StartStep, again.Checkpoint));
    }

    [Fact]
    public async Task A_worker_that_does_not_fit_is_told_why()
    {
        await using var cluster = await RunCluster.StartAsync(RunCluster.Spec(1));
        var error = await Assert.ThrowsAsync<CoordinatorRefusedException>(() =>
            cluster.Client(0).JoinAsync(RunScript.JoinRequest(0) with { ConfigHash = "hash2" })
        );
        Assert.Contains("its configuration hash is hash2, the run's is hash1", error.Message, StringComparison.Ordinal);
        Assert.Contains("hash2", Assert.Single(cluster.Observer.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_worker_from_elsewhere_learns_the_run_and_its_files()
    {
        await using var cluster = await RunCluster.StartAsync(RunCluster.Spec(1));
        Assert.Equal("demo", await cluster.Grains.GetGrain<IClusterGrain>(0).RunIdAsync());
        var files = await cluster.Client(0).FilesAsync();
        Assert.Equal(
            ("the config", "the manifest"),
            (System.Text.Encoding.UTF8.GetString(files.Config), System.Text.Encoding.UTF8.GetString(files.Manifest))
        );
    }

    [Fact]
    public async Task A_stop_and_a_checkpoint_reach_the_workers()
    {
        await using var cluster = await RunCluster.FormAsync(1);
        Assert.IsType<RunReply.Accepted>((await cluster.Run.CheckpointAsync()).Reply);
        Assert.Equal(Directive.Checkpoint, (await cluster.BeatAsync(RunCluster.Beat(0, 3))).Directive);
        await cluster.Client(0).CheckpointWrittenAsync("process-0-0", 3, "step-3");
        Assert.Equal(Directive.Continue, (await cluster.BeatAsync(RunCluster.Beat(0, 3))).Directive);

        await cluster.Run.StopAsync("Ctrl-C", atOnce: false);
        Assert.Equal(Directive.Stop, (await cluster.BeatAsync(RunCluster.Beat(0, 4))).Directive);
        await cluster.Client(0).CheckpointWrittenAsync("process-0-0", 5, "step-5");
        await cluster.Client(0).ReportAsync(RunCluster.Report(0, WorkerOutcome.Stopped, 5));

        await cluster.PassUntilAsync(() => !cluster.Hosting.Concluded.IsEmpty);
        Assert.Equal("stopped by Ctrl-C; resumable from step 5: cliptrain resume demo", Assert.Single(cluster.Hosting.Concluded).Message);
        Assert.True((await cluster.Run.StatusAsync()).IsConcluded);
        Assert.IsType<RunReply.Refused>((await cluster.Run.CheckpointAsync()).Reply);
    }

    [Fact]
    public async Task A_checkpoint_that_is_not_on_disk_does_not_count()
    {
        await using var cluster = await RunCluster.FormAsync(1);
        cluster.Hosting.Sees = step => step < 50;
        await cluster.BeatAsync(RunCluster.Beat(0, 3, records: RunScript.Records(1, 3, world: 1)));
        await cluster.Client(0).CheckpointWrittenAsync("process-0-0", 3, "step-3");

        var told = cluster.Client(0).CheckpointWrittenAsync("process-0-0", 60, "step-60");
        await cluster.PassUntilAsync(() => told.IsCompleted);
        await told;

        Assert.Equal(3, (await cluster.StateAsync()).LastCheckpoint?.Step);
        Assert.Contains(
            cluster.Observer.Warnings,
            warning => warning.Contains("worker-0 reported a checkpoint of step 60 that is not on disk", StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task A_stop_at_once_ends_the_run_and_late_workers_are_told()
    {
        await using var cluster = await RunCluster.FormAsync(1);
        await cluster.Run.StopAsync("Ctrl-C", atOnce: true);
        Assert.Equal(Directive.Abort, (await cluster.BeatAsync(RunCluster.Beat(0, 3))).Directive);
        var error = await Assert.ThrowsAsync<CoordinatorRefusedException>(() => cluster.Client(1).JoinAsync(RunScript.JoinRequest(1)));
        Assert.StartsWith("stopped at once by Ctrl-C", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_end_waits_for_workers_that_still_ask_but_not_for_ever()
    {
        await using var cluster = await RunCluster.FormAsync(1);
        await cluster.Run.StopAsync("Ctrl-C", atOnce: true);
        var ended = cluster.Time.GetUtcNow();
        for (var second = 0; second < 29; second++)
        {
            await cluster.BeatAsync(RunCluster.Beat(0, 3));
            await cluster.PassAsync(1);
            Assert.Empty(cluster.Hosting.Concluded);
        }

        while (cluster.Hosting.Concluded.IsEmpty)
        {
            await cluster.BeatAsync(RunCluster.Beat(0, 3));
            await cluster.PassAsync(1);
            Assert.True(cluster.Time.GetUtcNow() < ended + TimeSpan.FromSeconds(40));
        }
    }

    [Fact]
    public async Task The_end_comes_soon_after_the_last_worker_has_heard_of_it()
    {
        await using var cluster = await RunCluster.FormAsync(1);
        await cluster.Run.StopAsync("Ctrl-C", atOnce: true);
        await cluster.BeatAsync(RunCluster.Beat(0, 3));
        var heard = cluster.Time.GetUtcNow();
        await cluster.PassUntilAsync(() => !cluster.Hosting.Concluded.IsEmpty);
        Assert.InRange(cluster.Time.GetUtcNow() - heard, TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(10));
        await cluster.PassAsync(60);
        Assert.Single(cluster.Hosting.Concluded);
    }

    [Fact]
    public async Task Starting_a_run_that_goes_on_changes_nothing()
    {
        await using var cluster = await RunCluster.FormAsync(1);
        await cluster.BeatAsync(RunCluster.Beat(0, 3, records: RunScript.Records(1, 3, world: 1)));
        await cluster.Run.StartAsync(new RunStart(RunCluster.Spec(1), null, Continues: true));
        await cluster.Run.StartAsync(new RunStart(RunCluster.Spec(1), null, Continues: true));

        Assert.Equal((RunPhase.Running, 1), ((await cluster.StateAsync()).Phase, (await cluster.StateAsync()).Generation));
        Assert.Equal(new HeartbeatAnswer(1, Directive.Continue, 3), await cluster.BeatAsync(RunCluster.Beat(0, 3)));
        Assert.Equal([1], cluster.Hosting.Opened);
    }

    [Theory]
    [InlineData(false, "v1")]
    [InlineData(true, "v2")]
    public async Task A_run_whose_workers_cannot_be_alive_or_are_of_another_build_begins_anew(bool continues, string version)
    {
        await using var cluster = await RunCluster.FormAsync(1);
        await cluster.Run.StartAsync(
            new RunStart(RunCluster.Spec(1) with { CodeVersion = version }, new CheckpointMark(2, "step-2"), continues)
        );
        var state = await cluster.StateAsync();
        Assert.Equal((RunPhase.Forming, version, 2), (state.Phase, state.Spec.CodeVersion, state.LastCheckpoint!.Step));
        Assert.Empty(state.Members);
        Assert.Equal(
            2,
            (await cluster.Client(0).JoinAsync(RunScript.JoinRequest(0, start: 1) with { CodeVersion = version })).Assignment!.StartStep
        );
    }

    [Fact]
    public async Task Leases_run_on_the_host_s_clock_and_the_worker_is_asked_to_beat_when_its_generation_is_over()
    {
        await using var cluster = await RunCluster.FormAsync(2);
        var process = new HintedProcess();
        await cluster
            .Grains.GetGrain<IWorkerGrain>("demo/worker-1")
            .AttachAsync(cluster.Grains.CreateObjectReference<IWorkerObserver>(process));
        await cluster.PassAsync(29);
        Assert.Equal(RunPhase.Running, (await cluster.StateAsync()).Phase);
        await cluster.BeatAsync(RunCluster.Beat(1, 0));
        await cluster.PassAsync(1);
        await cluster.BeatAsync(RunCluster.Beat(1, 0));

        await cluster.PassUntilAsync(() => cluster.Observer.Warnings.Contains("rank 0 (worker-0 on node0) sent no heartbeat for 30 s"));

        Assert.Equal(RunPhase.Forming, (await cluster.StateAsync()).Phase);
        await process.Hinted.Task;
        Assert.Equal(Directive.Rejoin, (await cluster.BeatAsync(RunCluster.Beat(1, 0))).Directive);
    }

    private sealed class HintedProcess : IWorkerObserver
    {
        public TaskCompletionSource Hinted { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task BeatNowAsync()
        {
            Hinted.TrySetResult();
            return Task.CompletedTask;
        }
    }

    private sealed class ThrowingObserver : IRunObserver
    {
        public void OnStatus(RunState state) => throw new InvalidOperationException("status");

        public void OnSteps(IReadOnlyList<StepRecord> steps) => throw new InvalidOperationException("steps");

        public void OnWarning(string text) => throw new InvalidOperationException("warning");

        public void OnWorkerLine(WorkerLine line) => throw new InvalidOperationException("line");
    }
}
