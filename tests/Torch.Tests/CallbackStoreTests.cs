using System.Runtime.CompilerServices;
using System.Text;
using static ClipTrain.Torch.torch;
using static ClipTrain.Torch.torch.distributed;

namespace ClipTrain.Torch.Tests;

public sealed class CallbackStoreTests
{
    private static readonly TimeSpan s_short = TimeSpan.FromMilliseconds(50);

    [Fact]
    public void Stores_over_one_backend_share_values_and_counters()
    {
        var backend = new MemoryStore();
        using var one = new CallbackStore(backend);
        using var other = new CallbackStore(backend);

        one.set("ключ", "value");
        Assert.Equal("value", Encoding.UTF8.GetString(other.get("ключ")));
        one.set("empty", ReadOnlySpan<byte>.Empty);
        Assert.Empty(other.get("empty"));
        byte[] bytes = [.. Enumerable.Range(0, 256).Select(i => (byte)i)];
        one.set("bytes", bytes);
        Assert.Equal(bytes, other.get("bytes"));
        Assert.Equal(2, one.add("count", 2));
        Assert.Equal((1L << 40) + 2, other.add("count", 1L << 40));
        Assert.True(one.delete("empty"));
        Assert.False(other.delete("empty"));
    }

    [Fact]
    public void A_prefix_is_put_before_every_key()
    {
        var backend = new MemoryStore();
        using var store = new CallbackStore(backend);
        using var prefixed = new PrefixStore("run", store);

        store.set("key", "value");
        prefixed.set("key", "other");
        prefixed.wait("key", Ranks.Patience);

        Assert.Equal("value", Encoding.UTF8.GetString(store.get("key")));
        Assert.True(backend.Check("run/key"));
    }

    [Fact]
    public void Waiting_for_a_key_ends_when_another_thread_sets_it()
    {
        var backend = new MemoryStore();
        using var store = new CallbackStore(backend);
        var setter = new Thread(() => backend.Set("late", "x"u8));
        setter.Start();

        Assert.Equal("x"u8.ToArray(), store.get("late"));
        setter.Join();
    }

    [Fact]
    public void A_key_that_is_not_there_fails_at_the_time_out()
    {
        using var store = new CallbackStore(new MemoryStore(), s_short);

        Assert.Throws<DistributedException>(() => store.wait("missing", s_short));
        DistributedException e = Assert.Throws<DistributedException>(() => store.get("missing"));
        Assert.Contains("'missing' timed out after 50 ms", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_failure_of_the_backend_reaches_the_caller_as_its_text()
    {
        using var store = new CallbackStore(new BrokenStore());

        Action[] calls =
        [
            () => store.set("key", "value"), () => store.get("key"), () => store.add("key", 1),
            () => store.delete("key"), () => store.wait("key", s_short),
            () => ProcessGroup.Gloo(store, 0, 2, Ranks.Loopback, Ranks.Patience),
        ];

        Assert.All(calls, call => Assert.Contains("the coordinator is gone", Assert.Throws<DistributedException>(call).Message, StringComparison.Ordinal));
    }

    [Fact]
    public void A_backend_lives_as_long_as_a_group_over_it_and_no_longer()
    {
        WeakReference backend = BackendOfAGroup(out ProcessGroup group);
        GC.Collect();
        Assert.True(backend.IsAlive);

        group.Dispose();

        GC.Collect();
        Assert.False(backend.IsAlive);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference BackendOfAGroup(out ProcessGroup group)
    {
        var backend = new MemoryStore();
        using var store = new CallbackStore(backend);
        using var prefixed = new PrefixStore("g", store);
        group = ProcessGroup.Gloo(prefixed, 0, 1, Ranks.Loopback, Ranks.Patience);
        return new WeakReference(backend);
    }

    private sealed class BrokenStore : IStoreBackend
    {
        public void Set(string key, ReadOnlySpan<byte> value) => throw Gone();

        public byte[] Get(string key, TimeSpan timeout) => throw Gone();

        public long Add(string key, long amount) => throw Gone();

        public bool Check(string key) => throw Gone();

        public bool Delete(string key) => throw Gone();

        public void Wait(string key, TimeSpan timeout) => throw Gone();

        private static IOException Gone() => new("the coordinator is gone");
    }
}
