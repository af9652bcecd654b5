using static TorchSharp.torch;

namespace ClipTrain.Torch.Operators;

/// <summary>How many threads an operator uses.</summary>
public static class Threads
{
    /// <summary>Sets it for the calling thread, on which the operators are to run.</summary>
    public static void Set(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
#pragma warning disable RS0030 // This is its wrapper.
        set_num_threads(count);
#pragma warning restore RS0030
    }
}
