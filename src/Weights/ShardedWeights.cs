using System.Text.Json;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Weights;

/// <summary>
/// Weights in several files, as Hugging Face splits large ones. An index such as model.safetensors.index.json maps each tensor to
/// its file.
/// </summary>
public sealed class ShardedWeights : IWeights
{
    private readonly Dictionary<string, IWeights> _files = new(StringComparer.Ordinal);
    private readonly Dictionary<string, IWeights> _fileOf = new(StringComparer.Ordinal);
    private readonly Dictionary<string, IReadOnlyList<long>> _shapes = new(StringComparer.Ordinal);

    /// <exception cref="WeightsException">The index or one of its files is missing or malformed, or they are inconsistent.</exception>
    public ShardedWeights(string path)
    {
        Path = path;
        try
        {
            foreach (var (name, file) in ReadIndex(path))
            {
                Add(name, file);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public string Path { get; }

    public IReadOnlyDictionary<string, IReadOnlyList<long>> Shapes => _shapes;

    public void Read(string name, Span<float> destination)
    {
        if (!_fileOf.TryGetValue(name, out var file))
        {
            throw new WeightsException($"{Path}: has no tensor '{name}'.");
        }

        file.Read(name, destination);
    }

    public void Dispose()
    {
        foreach (var file in _files.Values)
        {
            file.Dispose();
        }
    }

    private void Add(string name, string fileName)
    {
        // An index may refer only to files in its own folder.
        if (fileName.Length == 0 || fileName != System.IO.Path.GetFileName(fileName) || fileName == System.IO.Path.GetFileName(Path))
        {
            throw new WeightsException($"{Path}: refers to '{fileName}', which is not a file in the same folder.");
        }

        var path = System.IO.Path.Combine(System.IO.Path.GetDirectoryName(Path) ?? "", fileName);
        if (!_files.TryGetValue(fileName, out var file))
        {
            _files.Add(
                fileName,
                file =
                    WeightsFile.Open(path) is var opened && opened is not ShardedWeights
                        ? opened
                        : throw new WeightsException($"{path}: is itself an index.")
            );
        }

        if (!file.Shapes.TryGetValue(name, out var shape))
        {
            throw new WeightsException($"{path}: lacks tensor '{name}', which {System.IO.Path.GetFileName(Path)} lists.");
        }

        if (!_fileOf.TryAdd(name, file))
        {
            throw new WeightsException($"{Path}: lists tensor '{name}' twice.");
        }

        _shapes.Add(name, shape);
    }

    private static List<(string Name, string File)> ReadIndex(string path)
    {
        try
        {
            using var stream = File.OpenRead(path);
            using var json = JsonDocument.Parse(stream);
            return
            [
                .. json
                    .RootElement.GetProperty("weight_map")
                    .EnumerateObject()
                    .Select(entry => (entry.Name, entry.Value.GetString() ?? "")),
            ];
        }
        catch (Exception error) when (error is IOException or JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new WeightsException(
                $"{path}: is not a weights file: neither safetensors, nor PyTorch, nor an index with a weight_map ({error.Message})",
                error
            );
        }
    }
}
