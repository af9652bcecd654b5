using ClipTrain.Torch.Collectives;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Tests;

public sealed class AbandonTests
{
    [Fact]
    public void Abandoning_ends_a_call_in_progress_and_the_memory_of_its_tensors_stays_until_the_library_has_let_go()
    {
        using var scope = NewDisposeScope();
        using var collectives = new Hanging();
        using var group = new ProcessGroup(collectives, CPU, 0, 2, Ranks.Patience);
        using var x = ones([4]);
        Work[] works = [group.AllReduce(x), group.AllReduce(ones([4])), group.AllReduce(ones([4]))];
        Assert.True(collectives.Entered.Wait(Ranks.Patience));

        group.Abandon();

        foreach (var work in works)
        {
            var error = Assert.Throws<DistributedException>(() => work.Wait());
            Assert.Contains("the group was abandoned", error.Message, StringComparison.Ordinal);
        }

        Assert.True(collectives.HeldAtDispose);
        Assert.Equal(works.Length, collectives.Awaited);
    }

    /// <summary>A library whose first collective ends only when the group is abandoned.</summary>
    private sealed class Hanging : ICollectives
    {
        private readonly ManualResetEventSlim _abandoned = new();
        private Tensor? _writtenTo;

        public ManualResetEventSlim Entered { get; } = new();

        /// <summary>True if the collective's tensor was valid when the library was disposed first.</summary>
        public bool? HeldAtDispose { get; private set; }

        /// <summary>Number of marks that were consumed.</summary>
        public int Awaited { get; private set; }

        public nint Mark() => 0;

        public void Await(nint mark) => Awaited++;

        public void AllReduce(Tensor tensor)
        {
            _writtenTo = tensor;
            Entered.Set();
            _abandoned.Wait();
            throw new DistributedException("the group was abandoned");
        }

        public void Abandon() => _abandoned.Set();

        public void Dispose() => HeldAtDispose ??= _writtenTo is { IsInvalid: false };

        public void AllGather(Tensor output, Tensor input) => throw new NotSupportedException();

        public void ReduceScatter(Tensor output, Tensor input) => throw new NotSupportedException();

        public void Broadcast(Tensor tensor, int root) => throw new NotSupportedException();
    }
}
