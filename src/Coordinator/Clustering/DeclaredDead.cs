using Orleans.Runtime;

namespace ClipTrain.Coordinator.Clustering;

/// <summary>
/// Ends the process when the cluster has gone on without it: another silo has declared it dead, usually because it was
/// stopped or cut off for too long. Orleans' own handler would dump core (exit code 134); nothing is broken here, and
/// whoever started the process starts it again.
/// </summary>
/// <param name="report">Where the one line goes.</param>
/// <param name="exit">Ends the process with the code given.</param>
public sealed class DeclaredDead(TextWriter report, Action<int> exit) : IFatalErrorHandler
{
    /// <summary>EX_TEMPFAIL of sysexits.h: start it again.</summary>
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
            $"This coordinator process was declared dead by the others, which go on without it; it ends with code {ExitCode}. ({reason})"
        );
        report.Flush();
        exit(ExitCode);
    }
}
