using ClipTrain.Coordinator.Protocol;
using ClipTrain.Torch.Collectives;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Worker;

namespace ClipTrain.Trainer.Tests.Worker;

public sealed class WorkerTrainingTests
{
    [Fact]
    public void A_worker_never_holds_more_than_its_slice_of_sharded_moments()
    {
        var options = TinyClip.Run();
        options = options with { Training = options.Training with { ShardOptimizer = true } };
        var identity = new WorkerIdentity("worker-1", "127.0.0.1", "cpu", Cores: 1);
        // The generation is over before its ranks have connected, so neither coordinator nor corpus is used.
        using var training = new WorkerTraining(options, null!, identity, null!, null!, null!, null!);
        using var over = new CancellationTokenSource();
        over.Cancel();

        Assert.Throws<DistributedException>(() => training.Enter(new Assignment(1, Rank: 1, WorldSize: 4, StartStep: 0), over.Token));

        var updated = training.State!.Model.Parameters.Updated;
        var slice = FlatSlice.Of(updated.Length, 1, 4);
        Assert.Equal(slice, training.State.Optimizer.Held);
        Assert.Equal(slice.Length, training.State.Optimizer.Moments.First.Values.numel());
        Assert.True(slice.Length < updated.Length);
    }
}
