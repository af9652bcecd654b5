using System.Diagnostics;
using ClipTrain.Coordinator.Storage;

namespace ClipTrain.Coordinator.Processes;

/// <summary>Ends child processes. A process that has already ended is left alone.</summary>
public static class ProcessEnd
{
    /// <summary>Asks a process to end (SIGTERM).</summary>
    public static void Ask(Process process)
    {
        // Until it has been waited for, its number belongs to no other process.
        if (!process.HasExited)
        {
            Posix.Terminate(process.Id);
        }
    }

    /// <summary>Ends a process and its descendants (SIGKILL).</summary>
    public static void Force(Process process)
    {
        try
        {
            process.Kill(entireProcessTree: true);
        }
        catch (Exception error) when (error is AggregateException or InvalidOperationException)
        {
            // A descendant with other permissions stays; the process itself is ended.
        }
    }
}
