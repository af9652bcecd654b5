using System.Globalization;
using System.Text;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Storage;

/// <summary>
/// Locks a run for one coordinator. The kernel releases the lock however the process ends; the file remains and names its last owner.
/// </summary>
public sealed class RunLock : IDisposable
{
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(1);

    private readonly FileLock _lock;

    private RunLock(FileLock @lock) => _lock = @lock;

    /// <param name="path">The lock file, usually coordinator.lock in the run directory. Its folder must exist.</param>
    /// <param name="time">Clock for the time in the file.</param>
    /// <exception cref="CoordinatorStartException">Another coordinator holds the run; the message names it.</exception>
    public static RunLock Acquire(string path, TimeProvider time)
    {
        while (true)
        {
            if (TryAcquire(path, time) is { } taken)
            {
                return taken;
            }

            if (FileLock.ReadText(path) is { } owner)
            {
                throw new CoordinatorStartException(
                    $"{path} is held by another coordinator of this run: process {Encoding.UTF8.GetString(owner).TrimEnd()}. End that "
                        + "one first."
                );
            }
        }
    }

    /// <summary>True while another process holds the lock.</summary>
    /// <exception cref="CoordinatorStartException">The lock file cannot be opened by this user.</exception>
    public static bool IsHeld(string path)
    {
        try
        {
            return Directory.Exists(path) ? throw Unusable(path, cause: null) : FileLock.IsHeld(path);
        }
        catch (IOException error)
        {
            throw Unusable(path, error);
        }
    }

    /// <summary>Acquires the lock as soon as its owner, which may be suspended or dying, releases it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="time">Clock for the time in the file.</param>
    /// <param name="until">Completes to give up.</param>
    /// <returns>Null after giving up.</returns>
    public static async Task<RunLock?> WaitAsync(string path, TimeProvider time, Task until)
    {
        while (!until.IsCompleted)
        {
            if (TryAcquire(path, time) is { } taken)
            {
                return taken;
            }

            await Task.WhenAny(until, Task.Delay(Retry, time));
        }

        return null;
    }

    public void Dispose() => _lock.Dispose();

    private static RunLock? TryAcquire(string path, TimeProvider time)
    {
        var text = string.Create(
            CultureInfo.InvariantCulture,
            $"{Environment.ProcessId} on {Environment.MachineName} since {time.GetUtcNow():yyyy-MM-dd HH:mm:ss} UTC\n"
        );
        try
        {
            return FileLock.TryTake(path, Encoding.UTF8.GetBytes(text)) is { } taken ? new RunLock(taken) : null;
        }
        catch (IOException error)
        {
            throw Unusable(path, error);
        }
    }

    private static CoordinatorStartException Unusable(string path, Exception? cause) =>
        new(
            Directory.Exists(path)
                ? $"{path} is a folder, but must be the lock file of the run. Remove the folder."
                : $"{path}, the lock file of the run, cannot be opened: {cause?.Message}",
            cause
        );
}
