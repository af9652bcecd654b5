using ClipTrain.Torch.Collectives;

namespace ClipTrain.Torch.Tests;

public sealed class NcclTests
{
    public static TheoryData<Exception> Failures => [new TimeoutException("nobody came"), new OperationCanceledException("it is over")];

    [Theory]
    [MemberData(nameof(Failures))]
    public void A_rank_that_does_not_appear_is_named_before_anything_waits_for_it_without_limit(Exception failure)
    {
        // Needs neither GPU nor NCCL: the ranks meet before those are used.
        var error = Assert.Throws<DistributedException>(() => ProcessGroup.Nccl(new Lonely(failure), 0, 2, 0, TimeSpan.FromSeconds(1)));

        Assert.Contains("rank 0 of 2", error.Message, StringComparison.Ordinal);
        Assert.Contains("waiting for rank 1", error.Message, StringComparison.Ordinal);
        Assert.Contains(failure.Message, error.Message, StringComparison.Ordinal);
    }

    /// <summary>A store in which only this rank writes: to wait for a key of another one fails.</summary>
    private sealed class Lonely(Exception failure) : IStoreBackend
    {
        private readonly Dictionary<string, byte[]> _values = new(StringComparer.Ordinal);

        public void Set(string key, ReadOnlySpan<byte> value) => _values[key] = value.ToArray();

        public byte[] Get(string key, TimeSpan timeout) => _values.TryGetValue(key, out var value) ? value : throw failure;
    }
}
