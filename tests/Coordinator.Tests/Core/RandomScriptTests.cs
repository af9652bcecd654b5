using System.Text.Json;
using ClipTrain.Coordinator.Core;

namespace ClipTrain.Coordinator.Tests.Core;

/// <summary>What must hold whatever happens in whatever order.</summary>
public sealed class RandomScriptTests
{
    private static readonly RunTimeouts Timeouts = new()
    {
        Forming = TimeSpan.FromSeconds(50),
        Heartbeat = TimeSpan.FromSeconds(10),
        Survivors = TimeSpan.FromSeconds(20),
        Save = TimeSpan.FromSeconds(20),
    };

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 300)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void A_run_ends_once_for_good_with_at_most_one_saver_and_the_same_way_after_a_round_trip_through_JSON(int seed)
    {
        var random = new Random(seed);
        var world = random.Next(1, 5);
        var state = RunState.Create(new RunSpec("demo", world, "v1", "hash1", "127.0.0.1", 4321) { Timeouts = Timeouts }, resumedFrom: null, RunScript.Start);
        var twin = state;
        var now = RunScript.Start;
        var ends = 0;
        var held = new HashSet<(string, HeldCall)>();
        if (seed % 2 == 0)
        {
            for (var slot = 0; slot < world; slot++)
            {
                state = RunMachine.Handle(state, new RunMessage.Join(RunScript.JoinRequest(slot)), now).State;
            }

            twin = state;
        }

        for (var i = 0; i < 200; i++)
        {
            // Often enough no message but the passing of time, so that every script ends.
            var message = i < 100 ? RandomMessage(random, world) : new RunMessage.Tick();
            now += TimeSpan.FromSeconds(i < 100 ? random.NextDouble() * 2 : 4);
            var result = RunMachine.Handle(state, message, now);

            var twinResult = RunMachine.Handle(RoundTrip(twin), RoundTrip(message), now);
            Assert.Equal(Json(result), Json(twinResult));
            twin = twinResult.State;

            ends += result.Effects.Count(effect => effect is RunEffect.EndRun);
            Assert.Equal(result.State.HasEnded ? 1 : 0, ends);
            Assert.True(!state.HasEnded || state.Phase == result.State.Phase);
            Assert.Equal(state.Spec, result.State.Spec);
            Assert.True(result.State.Members.Count(member => member.Status is MemberStatus.Saving or MemberStatus.Saved) <= 1);
            Track(held, message, result);
            if (result.State.HasEnded)
            {
                Assert.Empty(held);
            }

            state = result.State;
        }

        Assert.True(state.HasEnded);
    }

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

        foreach (var exited in result.State.Members.Where(member => member.ExitCode is not null || member.Status is MemberStatus.Lost or MemberStatus.Failed))
        {
            held.RemoveWhere(entry => entry.WorkerId == exited.WorkerId);
        }

        if (call is { } made && result.Reply is RunReply.Held)
        {
            held.Add(made);
        }
    }

    private static RunMessage RandomMessage(Random random, int world)
    {
        var slot = random.Next(world);
        var worker = WorkerIds.ForSlot(slot);
        return random.Next(20) switch
        {
            < 3 => new RunMessage.Join(RunScript.JoinRequest(slot)),
            < 9 => new RunMessage.Beat(new Heartbeat(worker, 1, random.Next(20), [RunScript.Metrics(random.Next(20))], ["w"])),
            < 13 => new RunMessage.Report(new WorkerReport(worker, 1, (WorkerOutcome)random.Next(4), random.Next(20), "m")),
            13 => new RunMessage.Checkpointed(new CheckpointWritten(worker, random.Next(20), "d")),
            14 => new RunMessage.WorkerExited(worker, random.Next(2) * 137, ["line"]),
            15 when random.Next(4) == 0 => new RunMessage.StopRequested("Ctrl-C", random.Next(4) == 0),
            16 => new RunMessage.CheckpointRequested(),
            _ => new RunMessage.Tick(),
        };
    }

    private static RunState RoundTrip(RunState state) =>
        JsonSerializer.Deserialize(JsonSerializer.Serialize(state, CoordinatorJson.Default.RunState), CoordinatorJson.Default.RunState)!;

    private static RunMessage RoundTrip(RunMessage message) =>
        JsonSerializer.Deserialize(JsonSerializer.Serialize(message, CoordinatorJson.Default.RunMessage), CoordinatorJson.Default.RunMessage)!;

    private static string Json(TurnResult result) => string.Join(
        "\n",
        [
            RunScript.Json(result.State),
            JsonSerializer.Serialize(result.Reply, CoordinatorJson.Default.RunReply),
            .. result.Effects.Select(effect => JsonSerializer.Serialize(effect, CoordinatorJson.Default.RunEffect)),
        ]);
}
