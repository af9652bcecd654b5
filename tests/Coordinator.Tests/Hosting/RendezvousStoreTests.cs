using System.Text;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Hosting;
using ClipTrain.Coordinator.Tests.Rules;

namespace ClipTrain.Coordinator.Tests.Hosting;

public sealed class RendezvousStoreTests
{
    [Fact]
    public async Task What_one_worker_sets_the_other_gets()
    {
        await using var fixture = await HostFixture.StartAsync(2);
        var clients = await fixture.FormAsync();
        byte[] value = [0, 255, 10, 128];
        await Ask(clients[0], StoreOp.Set, "address", value);
        Assert.Equal(value, (await Ask(clients[1], StoreOp.Get, "address")).Value);
        await Ask(clients[0], StoreOp.Set, "address", []);
        Assert.Empty((await Ask(clients[1], StoreOp.Get, "address")).Value!);
        await Ask(clients[1], StoreOp.Wait, "address");
    }

    [Fact]
    public async Task Keys_can_be_looked_for_and_deleted()
    {
        await using var fixture = await HostFixture.StartAsync(1);
        var client = (await fixture.FormAsync())[0];
        Assert.Equal(0, (await Ask(client, StoreOp.Check, "k")).Number);
        Assert.Equal(0, (await Ask(client, StoreOp.Delete, "k")).Number);
        await Ask(client, StoreOp.Set, "k", [1]);
        Assert.Equal(1, (await Ask(client, StoreOp.Check, "k")).Number);
        Assert.Equal(1, (await Ask(client, StoreOp.Delete, "k")).Number);
        Assert.Equal(0, (await Ask(client, StoreOp.Check, "k")).Number);
    }

    [Fact]
    public async Task A_sum_is_the_same_for_all_and_reads_as_decimal_text()
    {
        await using var fixture = await HostFixture.StartAsync(2);
        var clients = await fixture.FormAsync();
        var sums = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Ask(clients[i % 2], StoreOp.Add, "count", amount: 3)));
        Assert.Equal(Enumerable.Range(1, 20).Select(i => 3L * i), sums.Select(sum => sum.Number).Order());
        Assert.Equal(-40, (await Ask(clients[0], StoreOp.Add, "count", amount: -100)).Number);
        Assert.Equal("-40", Encoding.ASCII.GetString((await Ask(clients[1], StoreOp.Get, "count")).Value!));
        await Ask(clients[0], StoreOp.Set, "count", "7"u8.ToArray());
        Assert.Equal(8, (await Ask(clients[1], StoreOp.Add, "count", amount: 1)).Number);
    }

    [Theory]
    [InlineData(StoreOp.Get)]
    [InlineData(StoreOp.Wait)]
    public async Task Who_asks_for_a_key_that_is_not_there_yet_waits_for_as_long_as_it_takes(StoreOp op)
    {
        await using var fixture = await HostFixture.StartAsync(2);
        var clients = await fixture.FormAsync();
        var get = Ask(clients[1], op, "late");
        for (var round = 0; round < 3; round++)
        {
            await fixture.Time.WhenTimerRunsAsync(CoordinatorEndpoints.HoldLimit);
            fixture.Time.Advance(CoordinatorEndpoints.HoldLimit);
        }

        Assert.False(get.IsCompleted);
        await Ask(clients[0], StoreOp.Set, "late", [1]);
        Assert.Equal(op == StoreOp.Get ? [1] : null, (await get).Value);
    }

    [Fact]
    public async Task Who_waits_is_refused_as_soon_as_the_generation_is_over_and_so_is_who_comes_later()
    {
        await using var fixture = await HostFixture.StartAsync(2);
        var clients = await fixture.FormAsync();
        var get = Ask(clients[0], StoreOp.Get, "never");
        await fixture.Time.WhenTimerRunsAsync(CoordinatorEndpoints.HoldLimit);

        await fixture.Run.SendAsync(new RunMessage.WorkerExited("worker-1", 137, []));

        Assert.Contains("Generation 1 is over", (await Assert.ThrowsAsync<CoordinatorRefusedException>(() => get)).Message, StringComparison.Ordinal);
        foreach (var op in Enum.GetValues<StoreOp>())
        {
            await Assert.ThrowsAsync<CoordinatorRefusedException>(() => Ask(clients[0], op, "never"));
        }
    }

    [Fact]
    public async Task A_generation_begins_without_the_keys_of_the_one_before()
    {
        await using var fixture = await HostFixture.StartAsync(1);
        var client = (await fixture.FormAsync())[0];
        await Ask(client, StoreOp.Set, "k", [1]);

        var place = (await client.JoinAsync(RunScript.JoinRequest(0) with { HeldStep = 0, LeftGeneration = 1, Reason = "a collective failed" })).Assignment!;

        Assert.Equal(2, place.Generation);
        Assert.Equal(0, (await Ask(client, StoreOp.Check, "k", generation: 2)).Number);
        await Assert.ThrowsAsync<CoordinatorRefusedException>(() => Ask(client, StoreOp.Check, "k", generation: 1));
        await Assert.ThrowsAsync<CoordinatorRefusedException>(() => Ask(client, StoreOp.Check, "k", generation: 3));
    }

    [Fact]
    public async Task Before_the_first_generation_there_is_no_store()
    {
        await using var fixture = await HostFixture.StartAsync(1);
        await Assert.ThrowsAsync<CoordinatorRefusedException>(() => Ask(fixture.Client(0), StoreOp.Set, "k", generation: 1));
        await Assert.ThrowsAsync<CoordinatorRefusedException>(() => Ask(fixture.Client(0), StoreOp.Set, "k", generation: 0));
    }

    private static Task<StoreAnswer> Ask(CoordinatorClient client, StoreOp op, string key, byte[]? value = null, long amount = 0, int generation = 1) =>
        client.StoreAsync(new StoreRequest(client.WorkerId, generation, op, key, value, amount));
}
