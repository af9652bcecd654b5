using System.Runtime.InteropServices;

namespace ClipTrain.Coordinator.Processes;

/// <summary>
/// Ignores SIGINT, SIGTERM and SIGHUP. A terminal's Ctrl-C, its end and a batch system's notice reach every process of a run;
/// those that end with the run must not die of them before the checkpoint is written that the coordinator then asks for.
/// </summary>
public sealed class IgnoredSignals : IDisposable
{
    private readonly PosixSignalRegistration[] _registrations =
    [
        .. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP }.Select(signal =>
            PosixSignalRegistration.Create(signal, context => context.Cancel = true)
        ),
    ];

    public void Dispose() => Array.ForEach(_registrations, registration => registration.Dispose());
}
