using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using ClipTrain.Coordinator.State;
using Orleans.Storage;

namespace ClipTrain.Coordinator.Storage;

/// <summary>
/// Stores grain state in files, <c>DIRECTORY/STATE NAME/GRAIN/VERSION</c>. Each write adds the version after the one that the activation
/// last read or wrote. An activation that was replaced, for example in a process that was suspended, cannot add it and gets <see
/// cref="InconsistentStateException"/>.
/// </summary>
/// <param name="directory">The folder that all processes of the cluster share; created by the first write.</param>
public sealed class FencedFileStorage(string directory) : IGrainStorage
{
    /// <summary>Name of this storage for <c>[PersistentState(…, FencedFileStorage.ProviderName)]</c>.</summary>
    public const string ProviderName = "cluster-files";

    private static readonly JsonSerializerOptions Json = new(CoordinatorJson.Default.Options)
    {
        TypeInfoResolver = JsonTypeInfoResolver.Combine(CoordinatorJson.Default, new DefaultJsonTypeInfoResolver()),
    };

    /// <exception cref="InvalidDataException">The newest version is damaged or of another type.</exception>
    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var folder = FolderOf(stateName, grainId);
        var (version, content) = VersionedFiles.Read(folder);
        grainState.ETag = Text(version);
        grainState.RecordExists = content.Length > 0;
        grainState.State = content.Length > 0 ? Parse<T>(VersionedFiles.PathOf(folder, version), content) : Activator.CreateInstance<T>();
        return Task.CompletedTask;
    }

    /// <exception cref="InconsistentStateException">Another activation has written since this one last read or wrote.</exception>
    /// <exception cref="IOException">The folder is not writable. Nothing has changed.</exception>
    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        Add(stateName, grainId, grainState, JsonSerializer.SerializeToUtf8Bytes(grainState.State, Json));
        grainState.RecordExists = true;
        return Task.CompletedTask;
    }

    /// <summary>
    /// Adds empty versions until no other is left. Numbering continues, so that a replaced activation stays fenced off.
    /// </summary>
    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        for (var added = 0; added < VersionedFiles.Kept; added++)
        {
            Add(stateName, grainId, grainState, []);
        }

        grainState.RecordExists = false;
        grainState.State = Activator.CreateInstance<T>();
        return Task.CompletedTask;
    }

    private void Add<T>(string stateName, GrainId grainId, IGrainState<T> grainState, byte[] content)
    {
        var folder = FolderOf(stateName, grainId);
        var held = long.Parse(grainState.ETag ?? "0", CultureInfo.InvariantCulture);
        if (!VersionedFiles.TryAdd(folder, held + 1, content))
        {
            throw new InconsistentStateException(
                $"Another process has taken {grainId} over: it has written version {VersionedFiles.Newest(folder)} and this one wanted "
                    + $"to write version {held + 1}.",
                Text(VersionedFiles.Newest(folder)),
                grainState.ETag ?? ""
            );
        }

        grainState.ETag = Text(held + 1);
    }

    private static T Parse<T>(string path, byte[] content)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(content, Json) ?? throw new JsonException("it holds null");
        }
        catch (JsonException error)
        {
            throw new InvalidDataException(
                $"{path} does not hold a {typeof(T).Name} that this version of ClipTrain can read: {error.Message}",
                error
            );
        }
    }

    private string FolderOf(string stateName, GrainId grainId) =>
        Path.Combine(directory, stateName, Uri.EscapeDataString(grainId.ToString()));

    private static string Text(long version) => version.ToString(CultureInfo.InvariantCulture);
}
