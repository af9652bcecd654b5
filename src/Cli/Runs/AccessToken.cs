using System.Security.Cryptography;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Cli.Runs;

/// <summary>Sources of a run's token: an argument, a file or the environment. Only a file hides it from other users.</summary>
public static class AccessToken
{
    public const string Variable = WorkerLaunch.TokenVariable;

    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    /// <summary>The token given by the user; null if there is none.</summary>
    /// <param name="token">Value of <c>--token</c>.</param>
    /// <param name="file">Value of <c>--token-file</c>.</param>
    /// <param name="warn">Receives a line if other users can read or change the file.</param>
    /// <exception cref="UsageException">The file cannot be read or is empty.</exception>
    public static string? Find(string? token, string? file, Action<string> warn)
    {
        if (file is null)
        {
            return token ?? Environment.GetEnvironmentVariable(Variable);
        }

        try
        {
            var text = File.ReadAllText(file).Trim();
            if (text.Length == 0)
            {
                throw new UsageException($"--token-file {file} is empty; it must contain the token.");
            }

            if ((File.GetUnixFileMode(file) & Others) != UnixFileMode.None)
            {
                warn($"Other users of this machine can read or change --token-file {file}, and so control the run: `chmod 600 {file}`.");
            }

            return text;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"Cannot read --token-file {file}: {error.Message} It must be a file that this user can read.");
        }
    }

    /// <summary>Reads a run's token file; null if there is none.</summary>
    /// <exception cref="UsageException">The file cannot be read.</exception>
    public static string? Read(string file)
    {
        try
        {
            return File.Exists(file) ? File.ReadAllText(file).Trim() : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UsageException(
                $"Cannot read {file}, the run's token: {error.Message} Only the user who started the run can read it."
            );
        }
    }

    /// <summary>
    /// Reads a token file, or creates it with a new token, readable by this user only. A process killed while creating
    /// it leaves no token file.
    /// </summary>
    /// <exception cref="UsageException">The file cannot be read.</exception>
    public static string Keep(string file)
    {
        if (Read(file) is { Length: > 0 } kept)
        {
            return kept;
        }

        var aside = file + ".partial";
        File.Delete(aside);
        using (
            var stream = new FileStream(
                aside,
                new FileStreamOptions
                {
                    Mode = FileMode.CreateNew,
                    Access = FileAccess.Write,
                    UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
                }
            )
        )
        {
            using var writer = new StreamWriter(stream);
            writer.WriteLine(Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)));
        }

        File.Move(aside, file, overwrite: true);
        return Read(file)!;
    }
}
