using System.Security.Cryptography;
using ClipTrain.Coordinator.Processes;
using ClipTrain.Trainer.Config;

namespace ClipTrain.Cli.Runs;

/// <summary>The token of a run, from an argument, a file or the environment. Files are the way that shows it to nobody else.</summary>
public static class AccessToken
{
    public const string Variable = WorkerLaunch.TokenVariable;

    /// <summary>The token that the user gave; null when none.</summary>
    /// <exception cref="UsageException">The file cannot be read or is empty.</exception>
    public static string? Find(string? token, string? file)
    {
        if (file is null)
            return token ?? Environment.GetEnvironmentVariable(Variable);
        try
        {
            return File.ReadAllText(file).Trim() is { Length: > 0 } text
                ? text
                : throw new UsageException($"--token-file {file} is empty; it must hold the run's token.");
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"--token-file {file} cannot be read: {error.Message}");
        }
    }

    /// <summary>The token of a run's file; null when there is none.</summary>
    /// <exception cref="UsageException">It cannot be read.</exception>
    public static string? Read(string file)
    {
        try
        {
            return File.Exists(file) ? File.ReadAllText(file).Trim() : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new UsageException(
                $"{file}, the run's token, cannot be read: {error.Message} Only the user who began the run can reach it."
            );
        }
    }

    /// <summary>The token kept in a file, which is made, readable by this user alone, unless it is there. One that was killed while it made it has left none.</summary>
    /// <exception cref="UsageException">It cannot be read.</exception>
    public static string Keep(string file)
    {
        if (Read(file) is { Length: > 0 } kept)
            return kept;
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
