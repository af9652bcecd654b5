using ClipTrain.Torch.Operators;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Tests;

/// <summary>Sets the number of threads until disposed of.</summary>
internal sealed class ThreadCount : IDisposable
{
    private readonly int _previous = get_num_threads();

    public ThreadCount(int count) => Threads.Set(count);

    public void Dispose() => Threads.Set(_previous);
}
