using System.Runtime.InteropServices;
using ClipTrain.Cli.Telemetry;

namespace ClipTrain.Cli.Runs;

/// <summary>Ctrl-C and SIGTERM as requests to stop at a checkpoint. One that comes before there is a run to stop is kept for it: the run may have workers already, which would go on without it. The end of the terminal (SIGHUP) asks for a stop where the user wants that; else the program goes on without one.</summary>
public sealed class StopSignals : IDisposable
{
    private readonly Lock _lock = new();
    private readonly List<string> _received = [];
    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly PosixSignalRegistration[] _registrations;
    private Action<string>? _stop;

    /// <param name="endsWithTerminal">True to stop when the terminal is closed.</param>
    public StopSignals(bool endsWithTerminal = false) =>
        _registrations = [
            Handle(PosixSignal.SIGINT, ExitCodes.Interrupted, "Ctrl-C"),
            Handle(PosixSignal.SIGTERM, ExitCodes.Terminated, "SIGTERM"),
            endsWithTerminal
                ? Handle(PosixSignal.SIGHUP, ExitCodes.HungUp, "the end of its terminal")
                : PosixSignalRegistration.Create(PosixSignal.SIGHUP, GoOnWithoutTerminal),
        ];

    /// <summary>The exit code of a program that the last signal ended; 0 when there was none.</summary>
    public int ExitCode { get; private set; } = ExitCodes.Ok;

    /// <summary>Completes with the first signal.</summary>
    public Task First => _first.Task;

    /// <summary>From now on signals go to <paramref name="stop"/>, which is told which one it was; first those that came before.</summary>
    public void Attach(Action<string> stop)
    {
        lock (_lock)
        {
            _stop = stop;
            _received.ForEach(stop);
            _received.Clear();
        }
    }

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
                lock (_lock)
                {
                    ExitCode = exitCode;
                    _first.TrySetResult();
                    if (_stop is null)
                        _received.Add(name);
                    else
                        _stop(name);
                }
            }
        );
}
