using System.Runtime.InteropServices;
using ClipTrain.Cli.Telemetry;
using ClipTrain.Coordinator.Processes;

namespace ClipTrain.Cli.Runs;

/// <summary>
/// Ctrl-C and SIGTERM as requests to stop at a checkpoint. A signal that arrives before the run is hosted is kept,
/// because workers of an earlier start may already be training. A closed terminal (SIGHUP) stops the run only on
/// request; otherwise the program continues without a terminal.
/// </summary>
public sealed class StopSignals : IDisposable
{
    private readonly Lock _lock = new();
    private readonly List<string> _received = [];
    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly PosixSignalRegistration[] _registrations;
    private Action<string>? _stop;

    /// <param name="endsWithTerminal">True to stop when the terminal closes.</param>
    public StopSignals(bool endsWithTerminal = false) =>
        _registrations = [
            Handle(PosixSignal.SIGINT, ExitCodes.Interrupted, "Ctrl-C"),
            Handle(PosixSignal.SIGTERM, ExitCodes.Terminated, "SIGTERM"),
            endsWithTerminal
                ? Handle(PosixSignal.SIGHUP, ExitCodes.HungUp, "SIGHUP (terminal closed)")
                : PosixSignalRegistration.Create(PosixSignal.SIGHUP, GoOnWithoutTerminal),
        ];

    /// <summary>Exit code for the last signal; 0 if there was none.</summary>
    public int ExitCode { get; private set; } = ExitCodes.Ok;

    /// <summary>Completes with the first signal.</summary>
    public Task First => _first.Task;

    /// <summary>Passes the names of earlier and all further signals to <paramref name="stop"/>.</summary>
    public void Attach(Action<string> stop)
    {
        lock (_lock)
        {
            _stop = stop;
            _received.ForEach(stop);
            _received.Clear();
        }
    }

    /// <summary>Stops when this process's standard input ends, because the node that started it is gone.</summary>
    public void EndWithParent() =>
        ParentWatch.OnEnd(Console.OpenStandardInput(), () => Receive(ExitCodes.Terminated, "the end of the node"));

    public void Dispose() => Array.ForEach(_registrations, registration => registration.Dispose());

    private static void GoOnWithoutTerminal(PosixSignalContext context)
    {
        context.Cancel = true;
        Terminal.Leave();
    }

    private PosixSignalRegistration Handle(PosixSignal signal, int exitCode, string name) =>
        PosixSignalRegistration.Create(
            signal,
            context =>
            {
                context.Cancel = true;
                Receive(exitCode, name);
            }
        );

    private void Receive(int exitCode, string name)
    {
        lock (_lock)
        {
            ExitCode = exitCode;
            _first.TrySetResult();
            if (_stop is null)
            {
                _received.Add(name);
            }
            else
            {
                _stop(name);
            }
        }
    }
}
