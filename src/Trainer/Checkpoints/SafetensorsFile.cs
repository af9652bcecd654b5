using System.Buffers.Binary;
using System.Text.Json;
using ClipTrain.Torch;
using ClipTrain.Trainer.Interop;

namespace ClipTrain.Trainer.Checkpoints;

/// <summary>A tensor's entry in a safetensors header. Offsets count from the start of the file.</summary>
public sealed record SafetensorsEntry(string Type, IReadOnlyList<long> Shape, long Start, long End);

/// <summary>A safetensors file, read with the format's rules checked: no duplicate names, gaps, overlaps or sizes that disagree.</summary>
public sealed class SafetensorsFile : IWeights
{
    /// <summary>The format's own limit on the header.</summary>
    private const long MaxHeaderBytes = 100_000_000;

    private readonly FileStream _stream;

    /// <exception cref="CheckpointException">The file is missing, cut short or not safetensors.</exception>
    public SafetensorsFile(string path)
    {
        Path = path;
        try
        {
            _stream = File.OpenRead(path);
        }
        catch (IOException error)
        {
            throw new CheckpointException($"{path}: cannot be read: {error.Message}", error);
        }

        try
        {
            Entries = ReadHeader();
            Shapes = Entries.ToDictionary(pair => pair.Key, pair => pair.Value.Shape, StringComparer.Ordinal);
        }
        catch
        {
            _stream.Dispose();
            throw;
        }
    }

    public string Path { get; }

    public IReadOnlyDictionary<string, SafetensorsEntry> Entries { get; }

    public IReadOnlyDictionary<string, IReadOnlyList<long>> Shapes { get; }

    /// <summary>Reads a fp32 tensor's data into memory of its size.</summary>
    public void Read(string name, Span<float> destination)
    {
        if (!Entries.TryGetValue(name, out var entry))
            throw new CheckpointException($"{Path}: has no tensor '{name}'.");
        if (entry.Type != "F32" || entry.End - entry.Start != destination.Length * (long)sizeof(float))
            throw new CheckpointException($"{Path}: tensor '{name}' is {entry.Type} [{string.Join(", ", entry.Shape)}], not the F32 of {destination.Length} numbers that is expected.");
        _stream.Position = entry.Start;
        _stream.ReadExactly(System.Runtime.InteropServices.MemoryMarshal.AsBytes(destination));
    }

    /// <summary>A fp32 tensor of a shape.</summary>
    public torch.Tensor Read(string name, IReadOnlyList<long> shape)
    {
        var values = torch.empty([.. shape], torch.float32);
        Read(name, values.AsSpan<float>());
        return values;
    }

    public void Dispose() => _stream.Dispose();

    private Dictionary<string, SafetensorsEntry> ReadHeader()
    {
        Span<byte> lengthBytes = stackalloc byte[8];
        if (_stream.ReadAtLeast(lengthBytes, 8, throwOnEndOfStream: false) < 8)
            throw Malformed("it is shorter than 8 bytes");
        var length = BinaryPrimitives.ReadUInt64LittleEndian(lengthBytes);
        if (length > MaxHeaderBytes || (long)length > _stream.Length - 8)
            throw Malformed($"its header claims {length} bytes");
        var header = new byte[length];
        _stream.ReadExactly(header);
        var dataStart = 8 + (long)length;
        var entries = new Dictionary<string, SafetensorsEntry>(StringComparer.Ordinal);
        try
        {
            using var json = JsonDocument.Parse(header);
            foreach (var property in json.RootElement.EnumerateObject())
            {
                if (property.Name == "__metadata__")
                    continue;
                if (!entries.TryAdd(property.Name, Entry(property.Value, dataStart)))
                    throw Malformed($"tensor '{property.Name}' occurs twice");
            }
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw Malformed($"its header is not the JSON it should be ({error.Message})");
        }

        CheckLayout(entries, dataStart);
        return entries;
    }

    private static SafetensorsEntry Entry(JsonElement json, long dataStart)
    {
        var offsets = json.GetProperty("data_offsets");
        return new SafetensorsEntry(
            json.GetProperty("dtype").GetString() ?? "",
            [.. json.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64())],
            dataStart + offsets[0].GetInt64(),
            dataStart + offsets[1].GetInt64());
    }

    private void CheckLayout(Dictionary<string, SafetensorsEntry> entries, long dataStart)
    {
        var position = dataStart;
        foreach (var (name, entry) in entries.OrderBy(pair => pair.Value.Start).ThenBy(pair => pair.Value.End))
        {
            if (entry.Start != position || entry.End < entry.Start)
                throw Malformed($"the data of tensor '{name}' leaves a gap or overlaps");
            position = entry.End;
        }

        if (position != _stream.Length)
            throw Malformed($"it has {_stream.Length} bytes where its header tells of {position}; it was cut short or added to");
    }

    private CheckpointException Malformed(string why) => new($"{Path}: is not a whole safetensors file: {why}.");
}
