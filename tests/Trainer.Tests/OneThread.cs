using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using ClipTrain.Torch.Loading;

namespace ClipTrain.Trainer.Tests;

/// <summary>
/// Runs libtorch with one thread. Sums over a batch depend on the number of threads by rounding, and libtorch stores that number
/// per thread, which is per rank here.
/// </summary>
internal static class OneThread
{
    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "No test runs earlier.")]
    internal static void Set()
    {
        NativeTorch.Load();
        Threads.Set(1);
    }
}
