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
    }

    [Fact]
    public async Task Who_asks_for_a_key_that_is_not_there_yet_waits_for_it()
    {
        var waiting = new[] { Ask(StoreOp.Get, "late"), Ask(StoreOp.Get, "late") };
        await Ask(StoreOp.Set, "other", [2]);
        Assert.All(waiting, get => Assert.False(get.IsCompleted));
        await Ask(StoreOp.Set, "late", [1]);
        Assert.All(await Task.WhenAll(waiting), answer => Assert.Equal([1], answer.Value));
    }

    [Fact]
    public async Task Who_waits_is_refused_as_soon_as_the_generation_is_over_and_so_is_who_comes_later()
    {
        var get = Ask(StoreOp.Get, "never");
        _store.Close();

        Assert.Contains(
            "Generation 1 is over",
            (await Assert.ThrowsAsync<CoordinatorRefusedException>(() => get)).Message,
            StringComparison.Ordinal
        );
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
        Assert.Equal([1], (await Ask(StoreOp.Get, "k")).Value);
    }

    [Fact]
    public async Task Nothing_is_served_before_the_generation_has_formed()
    {
        var store = new RendezvousStore();
        await Assert.ThrowsAsync<CoordinatorRefusedException>(() => store.AskAsync(new StoreRequest("worker-0", 1, StoreOp.Set, "k")));
    }

    private Task<StoreAnswer> Ask(StoreOp op, string key, byte[]? value = null) =>
        _store.AskAsync(new StoreRequest("worker-0", 1, op, key, value));
}
