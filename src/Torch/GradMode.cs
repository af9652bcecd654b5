using ClipTrain.Torch.Interop;

namespace ClipTrain.Torch;

public static partial class torch
{
    /// <summary>Whether operations on this thread are recorded for backward passes.</summary>
    public static bool is_grad_enabled() => NativeMethods.ct_is_grad_enabled() != 0;

    /// <summary>Records nothing on this thread until the guard is disposed of: <c>using var _ = torch.no_grad();</c></summary>
    public static GradModeGuard no_grad() => new(enabled: false);

    /// <summary>Records again, inside <see cref="no_grad"/>, until the guard is disposed of.</summary>
    public static GradModeGuard enable_grad() => new(enabled: true);

    /// <summary>Restores the grad mode that it replaced. Belongs to the thread that made it.</summary>
    public sealed class GradModeGuard : IDisposable
    {
        private readonly int _previous;
        private bool _disposed;

        internal GradModeGuard(bool enabled) => _previous = NativeMethods.ct_set_grad_enabled(enabled ? 1 : 0);

        public void Dispose()
        {
            if (!_disposed)
            {
                _disposed = true;
                _ = NativeMethods.ct_set_grad_enabled(_previous);
            }
        }
    }
}
