using System.Text.Json;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

/// <summary>Invariants under random messages in random order, valid or not.</summary>
public sealed class RandomScriptTests
{
    private static readonly RunTimeouts Timeouts = new()
    {
        Forming = TimeSpan.FromSeconds(50),
        Heartbeat = TimeSpan.FromSeconds(10),
        Regroup = TimeSpan.FromSeconds(20),
        Save = TimeSpan.FromSeconds(20),
        WaitingNotice = TimeSpan.FromSeconds(30),
    };

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 150)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Invariants_hold_after_every_message(int seed)
    {
        var random = new Random(seed);
        var spec = RandomSpec(random);
        var checkpoint = random.Next(4) == 0 ? new CheckpointMark(random.Next(1, 10), "d") : null;
        var state = RunState.Create(spec, checkpoint, RunScript.Start);
        var now = RunScript.Start;
        var recorded = state.RecordedStep;
        var ends = 0;
        var held = new HashSet<(string, HeldCall)>();
        for (var i = 0; i < 250; i++)
        {
            now += TimeSpan.FromSeconds(random.NextDouble() * (i < 150 ? 2 : 4));
            var message = i < 150 ? RandomMessage(random, state) : new RunMessage.Tick();
            var result = RunMachine.Handle(state, message, now);

            Assert.Equal(Json(result), Json(RunMachine.Handle(RoundTrip(state), message, now)));
            AssertWhole(result.State);
            AssertGrows(state, result);
            recorded = AssertLedgerFollows(recorded, result);
            ends += message is RunMessage.TakenOver && state.HasEnded ? 0 : result.Effects.Count(effect => effect is RunEffect.EndRun);
            Assert.Equal(result.State.HasEnded ? 1 : 0, ends);
            Track(held, message, result);
            if (result.State.HasEnded)
            {
                Assert.Empty(held);
            }

            // The host says once what it sees itself; what comes over the network may come again.
            if (message is not (RunMessage.WorkerExited or RunMessage.Tick))
            {
                Assert.Equal(RunScript.Json(result.State), RunScript.Json(RunMachine.Handle(result.State, message, now).State));
            }

            state = result.State;
        }
    }

    /// <summary>Checks that the state is consistent.</summary>
    private static void AssertWhole(RunState state)
    {
        var placed = state.Members.Where(member => member.IsAssigned).ToList();
        var leaving = state.Members.Any(member => member.Status == MemberStatus.Leaving);
        var saving = state.Members.Count(member => member.Status == MemberStatus.Saving);
        Assert.Equal(
            state.Members.Select(member => member.WorkerId).Distinct(StringComparer.Ordinal),
            state.Members.Select(member => member.WorkerId)
        );
        Assert.True(saving <= 1);
        AssertPlaced(state);
        switch (state.Phase)
        {
            case RunPhase.Running:
                Assert.Equal(Enumerable.Range(0, state.Assignment!.WorldSize), placed.Select(member => member.Rank!.Value));
                Assert.InRange(placed.Count, state.Spec.MinWorkers, state.Spec.MaxWorkers);
                Assert.Equal(state.Generation, state.Assignment.Generation);
                Assert.False(leaving);
                break;
            case RunPhase.Forming:
                Assert.Empty(placed);
                Assert.True(
                    leaving ? state.Deadline is not null : state.IsFirstForming || state.NextNotice is not null,
                    "The run waits and has not said why."
                );
                break;
            case RunPhase.Draining:
                Assert.Empty(placed);
                Assert.True((leaving || saving > 0) && state.Deadline is not null, "The run ends by itself.");
                break;
            default:
                Assert.NotNull(state.EndText);
                break;
        }
    }

    /// <summary>
    /// No managed worker is forgotten, none waits while a slot is free, and no node has more than it has slots for, unless these have
    /// become fewer.
    /// </summary>
    private static void AssertPlaced(RunState state)
    {
        Assert.Equal(
            Enumerable.Range(0, state.Spec.ManagedWorkers).Select(WorkerIds.ForSlot),
            state.Members.Where(member => member.IsManaged).Select(member => member.WorkerId)
        );
        foreach (var node in state.Nodes)
        {
            Assert.Equal(state.Members.Count(member => member.NodeId == node.Id), state.Members.CountOn(node.Id));
            Assert.True(
                state.Phase > RunPhase.Running || state.Members.Unplaced.IsEmpty || state.Members.CountOn(node.Id) >= node.Slots,
                "A worker waits though a slot is free."
            );
        }

        Assert.All(
            state.Members.Where(member => member.NodeId is not null && !state.HasEnded && member.IsLiving),
            member => Assert.Contains(state.Nodes, node => node.Id == member.NodeId)
        );
    }

    /// <summary>Checks that monotonic values do not decrease.</summary>
    private static void AssertGrows(RunState before, TurnResult result)
    {
        var state = result.State;
        Assert.True(state.Generation >= before.Generation);
        Assert.True(!before.HasEnded || before.Phase == state.Phase);
        if (state.WentBackIn == before.WentBackIn)
        {
            Assert.True((state.LastCheckpoint?.Step ?? 0) >= (before.LastCheckpoint?.Step ?? 0));
            Assert.True(state.FurthestStep >= before.FurthestStep);
        }

        Assert.True((state.Spec.PassedOver?.Count ?? 0) <= state.Spec.Rollbacks);
        if (state.IsGoingBack || (before.IsGoingBack && state.HasEnded))
        {
            Assert.True((state.LastCheckpoint?.Step ?? 0) < state.Spec.PassedOver![^1].First);
        }

        if (result.Effects.OfType<RunEffect.RecordGeneration>().LastOrDefault() is { } formed)
        {
            Assert.True(formed.Record.StartStep >= (state.LastCheckpoint?.Step ?? 0));
            Assert.Equal(formed.Record.StartStep, state.CommittedStep);
            Assert.IsType<RunEffect.PersistState>(result.Effects[0]);
        }
        else
        {
            Assert.True(state.CommittedStep >= before.CommittedStep);
        }
    }

    private static long AssertLedgerFollows(long recorded, TurnResult result)
    {
        foreach (var effect in result.Effects)
        {
            switch (effect)
            {
                case RunEffect.RecordGeneration generation:
                    recorded = Math.Min(recorded, generation.Record.StartStep);
                    break;
                case RunEffect.RecordSteps steps:
                    foreach (var record in steps.Records)
                    {
                        Assert.True(
                            record.Metrics.Step == recorded + 1
                                || (record.Metrics.Step <= result.State.Assignment!.StartStep + 1 && Warned(result)),
                            "A step is missing in the ledger."
                        );
                        recorded = record.Metrics.Step;
                    }

                    break;
            }
        }

        Assert.Equal(recorded, result.State.RecordedStep);
        return recorded;
    }

    private static bool Warned(TurnResult result) =>
        result
            .Effects.OfType<RunEffect.PublishWarning>()
            .Any(warning => warning.Text.Contains("were lost with the workers", StringComparison.Ordinal));

    /// <summary>Every held call is answered: by an effect, or by the reply to the same call when it is sent again.</summary>
    private static void Track(HashSet<(string WorkerId, HeldCall Call)> held, RunMessage message, TurnResult result)
    {
        (string, HeldCall)? call = message switch
        {
            RunMessage.Join join => (join.Request.WorkerId, HeldCall.Join),
            RunMessage.Report report => (report.Outcome.WorkerId, HeldCall.Report),
            _ => null,
        };
        foreach (var answer in result.Effects.OfType<RunEffect.Answer>())
        {
            held.Remove((answer.WorkerId, answer.Call));
        }

        if (call is { } made && result.Reply is RunReply.Held)
        {
            held.Add(made);
        }

        held.RemoveWhere(entry => result.State.Find(entry.WorkerId) is not { IsLiving: true });
    }

    private static RunSpec RandomSpec(Random random)
    {
        var min = random.Next(1, 4);
        var workers = min + random.Next(2);
        var max = workers + random.Next(2);
        return RunScript.Spec(workers, min, max, random.Next(max + 1), Timeouts, fruitless: 3) with { Rollbacks = random.Next(3) };
    }

    private static RunMessage RandomMessage(Random random, RunState state)
    {
        var slot = random.Next(state.Spec.MaxWorkers + 1);
        var worker = WorkerIds.ForSlot(slot);
        var member = state.Find(worker);
        var start = random.Next(20) == 0 ? random.Next(100) : 0;
        var incarnation = start > 0 || member?.Incarnation is null ? RunScript.JoinRequest(slot, start).Incarnation : member.Incarnation;
        var generation = random.Next(5) == 0 ? random.Next(state.Generation + 1) : member?.Generation ?? 0;
        var step = Math.Max(0, state.CommittedStep + random.Next(-1, 3));
        return random.Next(26) switch
        {
            < 9 => new RunMessage.Join(
                RunScript.JoinRequest(slot) with
                {
                    Incarnation = incarnation,
                    HeldStep = random.Next(3) == 0 ? null : step,
                    LeftGeneration = random.Next(3) == 0 ? member?.Generation ?? 0 : 0,
                    Reason = random.Next(2) == 0 ? "reset" : null,
                    Device = random.Next(10) == 0 ? "gpu" : null,
                }
            ),
            < 15 => new RunMessage.Heartbeats([
                new Heartbeat(
                    worker,
                    incarnation,
                    generation,
                    step,
                    RunScript.Records(
                        state.RecordedStep + random.Next(0, 3),
                        state.RecordedStep + random.Next(1, 5),
                        generation,
                        state.Assignment?.WorldSize ?? 1
                    ),
                    ["w"]
                ),
            ]),
            < 17 => new RunMessage.Report(
                new WorkerReport(worker, incarnation, generation, (WorkerOutcome)(random.Next(12) == 0 ? 2 : random.Next(2)), step)
                {
                    Message = "m",
                    Diverged = random.Next(2) == 0,
                }
            ),
            17 => new RunMessage.Checkpointed(new CheckpointWritten(worker, incarnation, step, "d")),
            18 when slot < state.Spec.ManagedWorkers => new RunMessage.WorkerExited(worker, random.Next(2) * 137, ["line"]),
            19 when random.Next(8) == 0 => new RunMessage.StopRequested("Ctrl-C", random.Next(4) == 0),
            20 => new RunMessage.CheckpointRequested(),
            21 when random.Next(4) == 0 => new RunMessage.TakenOver(state.RecordedStep),
            22 => new RunMessage.NodeJoined(new Node($"node-{random.Next(3)}", $"node-process-{random.Next(8) / 7}", random.Next(4))),
            23 when random.Next(3) == 0 => new RunMessage.NodeLost($"node-{random.Next(3)}"),
            24 when random.Next(4) == 0 => new RunMessage.Diverged(
                new Divergence(new StepRange(step + 1, step + random.Next(1, 4)), new CheckpointMark(random.Next((int)step + 3), "d"))
            ),
            _ => new RunMessage.Tick(),
        };
    }

    private static readonly JsonSerializerOptions ByReflection = new()
    {
        NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    private static RunState RoundTrip(RunState state) =>
        JsonSerializer.Deserialize(JsonSerializer.Serialize(state, CoordinatorJson.Default.RunState), CoordinatorJson.Default.RunState)!;

    private static string Json(TurnResult result) =>
        string.Join(
            "\n",
            [
                RunScript.Json(result.State),
                JsonSerializer.Serialize(result.Reply, CoordinatorJson.Default.RunReply),
                .. result.Effects.Select(effect => JsonSerializer.Serialize(effect, effect.GetType(), ByReflection)),
            ]
        );
}
