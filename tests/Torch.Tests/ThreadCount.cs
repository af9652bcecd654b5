using static ClipTrain.Torch.torch;

namespace ClipTrain.Torch.Tests;

/// <summary>Sets the number of threads until disposed of.</summary>
internal sealed class ThreadCount : IDisposable
{
    private readonly int _previous = get_num_threads();

    public ThreadCount(int count) => set_num_threads(count);

    public void Dispose() => set_num_threads(_previous);
}
