namespace ClipTrain.Coordinator.Clustering;

/// <summary>
/// Ends the process after another silo has declared it dead, usually because it was suspended or disconnected for too long. Orleans' own
/// handler would dump core (exit code 134), but nothing is broken: the parent process restarts it.
/// </summary>
/// <param name="report">Receives one line.</param>
/// <param name="exit">Ends the process with a code.</param>
public sealed class DeclaredDead(TextWriter report, Action<int> exit) : IFatalErrorHandler
{
    /// <summary>EX_TEMPFAIL of sysexits.h: restart the process.</summary>
    public const int ExitCode = 75;

    private int _once;

    public bool IsUnexpected(Exception exception) => exception is not ThreadAbortException;

    public void OnFatalException(object? sender = null, string? context = null, Exception? exception = null)
    {
        if (Interlocked.Exchange(ref _once, 1) != 0)
        {
            return;
        }

        var reason = (context ?? exception?.Message ?? "no reason is given").Split('\n')[0].TrimEnd();
        report.WriteLine(
            $"The other coordinator processes declared this one dead and continue without it; it exits with code {ExitCode}. ({reason})"
        );
        report.Flush();
        exit(ExitCode);
    }
}
