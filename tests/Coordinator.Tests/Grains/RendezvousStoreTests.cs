using System.Text;
using ClipTrain.Coordinator.Grains;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Tests.Grains;

public sealed class RendezvousStoreTests
{
    private readonly RendezvousStore _store = new();

    public RendezvousStoreTests() => _store.Open();

    [Fact]
    public async Task What_one_worker_sets_the_other_gets()
    {
        byte[] value = [0, 255, 10, 128];
        await Ask(StoreOp.Set, "address", value);
        Assert.Equal(value, (await Ask(StoreOp.Get, "address")).Value);
        await Ask(StoreOp.Set, "address", []);
        Assert.Empty((await Ask(StoreOp.Get, "address")).Value!);
        await Ask(StoreOp.Wait, "address");
    }

    [Fact]
    public async Task Keys_can_be_looked_for_and_deleted()
    {
        Assert.Equal(0, (await Ask(StoreOp.Check, "k")).Number);
        Assert.Equal(0, (await Ask(StoreOp.Delete, "k")).Number);
        await Ask(StoreOp.Set, "k", [1]);
        Assert.Equal(1, (await Ask(StoreOp.Check, "k")).Number);
        Assert.Equal(1, (await Ask(StoreOp.Delete, "k")).Number);
        Assert.Equal(0, (await Ask(StoreOp.Check, "k")).Number);
    }

    [Fact]
    public async Task A_sum_is_the_same_for_all_and_reads_as_decimal_text()
    {
        var sums = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Task.Run(() => Ask(StoreOp.Add, "count", amount: 3))));
        Assert.Equal(Enumerable.Range(1, 20).Select(i => 3L * i), sums.Select(sum => sum.Number).Order());
        Assert.Equal(-40, (await Ask(StoreOp.Add, "count", amount: -100)).Number);
        Assert.Equal("-40", Encoding.ASCII.GetString((await Ask(StoreOp.Get, "count")).Value!));
        await Ask(StoreOp.Set, "count", "7"u8.ToArray());
        Assert.Equal(8, (await Ask(StoreOp.Add, "count", amount: 1)).Number);
    }

    [Theory]
    [InlineData(StoreOp.Get)]
    [InlineData(StoreOp.Wait)]
    public async Task Who_asks_for_a_key_that_is_not_there_yet_waits_for_it(StoreOp op)
    {
        var waiting = new[] { Ask(op, "late"), Ask(op, "late") };
        await Ask(StoreOp.Set, "other", [2]);
        Assert.All(waiting, get => Assert.False(get.IsCompleted));
        await Ask(StoreOp.Set, "late", [1]);
        Assert.All(await Task.WhenAll(waiting), answer => Assert.Equal(op == StoreOp.Get ? [1] : null, answer.Value));
    }

    [Fact]
    public async Task Who_waits_is_refused_as_soon_as_the_generation_is_over_and_so_is_who_comes_later()
    {
        var get = Ask(StoreOp.Get, "never");
        _store.Close();

        Assert.Contains("Generation 1 is over", (await Assert.ThrowsAsync<CoordinatorRefusedException>(() => get)).Message, StringComparison.Ordinal);
        foreach (var op in Enum.GetValues<StoreOp>())
        {
            await Assert.ThrowsAsync<CoordinatorRefusedException>(() => Ask(op, "never"));
        }
    }

    [Fact]
    public async Task Opening_twice_loses_nothing()
    {
        await Ask(StoreOp.Set, "k", [1]);
        _store.Open();
        Assert.Equal(1, (await Ask(StoreOp.Check, "k")).Number);
    }

    [Fact]
    public async Task Nothing_is_served_before_the_generation_has_formed()
    {
        var store = new RendezvousStore();
        await Assert.ThrowsAsync<CoordinatorRefusedException>(() => store.AskAsync(new StoreRequest("worker-0", 1, StoreOp.Set, "k")));
    }

    private Task<StoreAnswer> Ask(StoreOp op, string key, byte[]? value = null, long amount = 0) =>
        _store.AskAsync(new StoreRequest("worker-0", 1, op, key, value, amount));
}
