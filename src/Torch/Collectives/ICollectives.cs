using static TorchSharp.torch;

namespace ClipTrain.Torch.Collectives;

/// <summary>A library's collectives, each called by all ranks in one order and done when it returns. Tensors are contiguous.</summary>
internal interface ICollectives : IDisposable
{
    /// <summary>Called on the thread that computes before a collective is queued: marks what its tensors are still waiting for.</summary>
    nint Mark();

    /// <summary>Called on the thread that communicates, with the collective's mark, before it.</summary>
    void Await(nint mark);

    /// <summary>Sums in place.</summary>
    void AllReduce(Tensor tensor);

    /// <summary>Rank r's input becomes the r-th of world_size equal parts of the output.</summary>
    void AllGather(Tensor output, Tensor input);

    /// <summary>The output is this rank's of world_size equal parts of the inputs' sum. The input may be overwritten.</summary>
    void ReduceScatter(Tensor output, Tensor input);

    void Broadcast(Tensor tensor, int root);

    void Barrier();
}
