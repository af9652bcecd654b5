using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace ClipTrain.Torch.Loading;

/// <summary>
/// Compiled into every assembly that uses TorchSharp, so that the native libraries are loaded before TorchSharp looks for them.
/// </summary>
internal static class LoadTorchFirst
{
    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "Nothing of an assembly runs earlier.")]
    internal static void Register() => NativeTorch.LoadWithTorchSharp();
}
