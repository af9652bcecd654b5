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

    private readonly FileStream _file;

    private RunLock(FileStream file) => _file = file;

    /// <param name="path">The lock file, usually coordinator.lock in the run directory. Its folder must exist.</param>
    /// <param name="time">Clock for the time in the file.</param>
    /// <exception cref="CoordinatorStartException">Another coordinator holds the run; the message names it.</exception>
    public static RunLock Acquire(string path, TimeProvider time)
    {
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException error) when (error.HResult == Posix.WouldBlock)
        {
            throw new CoordinatorStartException(
                $"{path} is held by another coordinator of this run: process {Owner(path)}. End that one first.",
                error
            );
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Unusable(path, error);
        }

        var text = string.Create(
            CultureInfo.InvariantCulture,
            $"{Environment.ProcessId} on {Environment.MachineName} since {time.GetUtcNow():yyyy-MM-dd HH:mm:ss} UTC\n"
        );
        file.SetLength(0);
        file.Write(Encoding.UTF8.GetBytes(text));
        file.Flush();
        return new RunLock(file);
    }

    /// <summary>True while another process holds the lock.</summary>
    /// <exception cref="CoordinatorStartException">The lock file cannot be opened by this user.</exception>
    public static bool IsHeld(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            return false;
        }
        catch (FileNotFoundException)
        {
            return false;
        }
        catch (IOException error) when (error.HResult == Posix.WouldBlock)
        {
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
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
            try
            {
                return Acquire(path, time);
            }
            catch (CoordinatorStartException)
            {
                await Task.WhenAny(until, Task.Delay(Retry, time));
            }
        }

        return null;
    }

    public void Dispose() => _file.Dispose();

    private static CoordinatorStartException Unusable(string path, Exception error) =>
        new(
            Directory.Exists(path)
                ? $"{path} is a folder, but must be the lock file of the run. Remove the folder."
                : $"{path}, the lock file of the run, cannot be opened: {error.Message}",
            error
        );

    private static string Owner(string path)
    {
        using var handle = Posix.OpenUnlocked(path);
        var text = new byte[256];
        return Encoding.UTF8.GetString(text, 0, RandomAccess.Read(handle, text, fileOffset: 0)).TrimEnd();
    }
}
