using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using ClipTrain.Torch.Loading;

namespace ClipTrain.Trainer.Tests;

/// <summary>
/// Sums over a batch depend on the number of threads by rounding, and libtorch keeps that number for each thread, which ranks
/// are here: one for all, so that the same work has the same bits whichever thread does it.
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
