using System.Text.Json;
using ClipTrain.Coordinator.Core;

namespace ClipTrain.Coordinator.Hosting;

/// <summary>Keeps a run's state in one JSON file that is whole at any moment: written aside, synced, renamed.</summary>
/// <param name="path">The file, usually state.json in the run directory, which must exist.</param>
public sealed class FileRunJournal(string path) : IRunJournal
{
    private static readonly CoordinatorJson Readable = new(new JsonSerializerOptions(CoordinatorJson.Default.Options) { WriteIndented = true });

    public async Task WriteAsync(RunState state)
    {
        var aside = path + ".tmp";
        var file = File.Create(aside);
        await using (file.ConfigureAwait(false))
        {
            await JsonSerializer.SerializeAsync(file, state, Readable.RunState).ConfigureAwait(false);
            file.Flush(flushToDisk: true);
        }

        File.Move(aside, path, overwrite: true);
        DirectorySync.Sync(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    /// <summary>The state as it was last written.</summary>
    /// <exception cref="InvalidDataException">The file is not a run's state.</exception>
    public static RunState Read(string path)
    {
        try
        {
            using var file = File.OpenRead(path);
            return JsonSerializer.Deserialize(file, CoordinatorJson.Default.RunState) ?? throw new JsonException("it holds null");
        }
        catch (JsonException error)
        {
            throw new InvalidDataException($"{path} is not the state of a run: {error.Message}", error);
        }
    }
}
