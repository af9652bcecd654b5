namespace ClipTrain.Cli.Evaluation;

/// <summary>Where a command leaves its results. Tried before hours of evaluation, not after.</summary>
public static class OutputPlace
{
    /// <summary>Creates the folder of <c>--output</c>, if one is given, and tries to write there.</summary>
    /// <exception cref="IOException">The folder cannot be created or written.</exception>
    public static void RequireFolder(string? folder)
    {
        if (folder is null)
        {
            return;
        }

        try
        {
            Directory.CreateDirectory(folder);
            new FileStream(
                Path.Combine(folder, $".{Guid.NewGuid():N}"),
                new FileStreamOptions
                {
                    Mode = FileMode.CreateNew,
                    Access = FileAccess.Write,
                    Options = FileOptions.DeleteOnClose,
                }
            ).Dispose();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"--output: the folder {folder} cannot be written: {error.Message}", error);
        }
    }

    /// <summary>Creates the folder of a file of <c>--output</c>, if one is given, and tries to write there.</summary>
    /// <exception cref="IOException">The path is a folder, or its folder cannot be created or written.</exception>
    public static void RequireFile(string? file)
    {
        if (Directory.Exists(file))
        {
            throw new IOException($"--output: {file} is a folder; name a file.");
        }

        RequireFolder(file is null ? null : Path.GetDirectoryName(Path.GetFullPath(file)));
    }
}
