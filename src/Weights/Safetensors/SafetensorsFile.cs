using System.Buffers.Binary;
using System.Text.Json;
using ClipTrain.Torch.Operators;
using ClipTrain.Weights.Tensors;
using Microsoft.Win32.SafeHandles;
using TorchSharp;

namespace ClipTrain.Weights.Safetensors;

/// <summary>A tensor's entry in a safetensors header. Offsets in bytes count from the start of the file.</summary>
public sealed record SafetensorsEntry(string Type, IReadOnlyList<long> Shape, long Start, long End);

/// <summary>A safetensors file. Checks the rules of the format: no duplicate names, gaps, overlaps or inconsistent sizes.</summary>
public sealed class SafetensorsFile : IWeights
{
    /// <summary>Header size limit of the format.</summary>
    private const long MaxHeaderBytes = 100_000_000;

    private readonly SafeFileHandle _file;

    /// <exception cref="WeightsException">The file is missing, truncated or not safetensors.</exception>
    public SafetensorsFile(string path)
    {
        Path = path;
        _file = NumberReader.Open(path);
        try
        {
            (Entries, Metadata) = ReadHeader();
            Shapes = Entries.ToDictionary(pair => pair.Key, pair => pair.Value.Shape, StringComparer.Ordinal);
        }
        catch
        {
            _file.Dispose();
            throw;
        }
    }

    public string Path { get; }

    public IReadOnlyDictionary<string, SafetensorsEntry> Entries { get; }

    public IReadOnlyDictionary<string, IReadOnlyList<long>> Shapes { get; }

    /// <summary>Contents of __metadata__ in the header.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Reads a tensor's values into memory of its size, converted to fp32.</summary>
    public void Read(string name, Span<float> destination)
    {
        if (!Entries.TryGetValue(name, out var entry))
        {
            throw new WeightsException($"{Path}: has no tensor '{name}'.");
        }

        if (
            !NumberTypes.OfSafetensors(entry.Type, out var type)
            || !type.Type.IsWeight()
            || entry.End - entry.Start != destination.Length * (long)type.Bytes
        )
        {
            throw new WeightsException(
                $"{Path}: tensor '{name}' is {entry.Type} [{string.Join(", ", entry.Shape)}], not the {destination.Length} numbers that "
                    + "are expected."
            );
        }

        NumberReader.Read(_file, Path, entry.Start, type.Type, destination);
    }

    /// <summary>Reads a tensor's bytes unchanged, into memory of its size.</summary>
    public void ReadBytes(string name, NumberType type, Span<byte> destination)
    {
        if (!Entries.TryGetValue(name, out var entry))
        {
            throw new WeightsException($"{Path}: has no tensor '{name}'.");
        }

        if (entry.Type != type.SafetensorsName() || entry.End - entry.Start != destination.Length)
        {
            throw new WeightsException(
                $"{Path}: tensor '{name}' is {entry.Type} [{string.Join(", ", entry.Shape)}], not the {destination.Length} bytes of "
                    + $"{type.SafetensorsName()} that are expected."
            );
        }

        NumberReader.ReadBytes(_file, Path, entry.Start, destination);
    }

    /// <summary>Reads a tensor as fp32 and checks its shape.</summary>
    public torch.Tensor Read(string name, IReadOnlyList<long> shape)
    {
        var values = torch.empty([.. shape], torch.float32);
        Read(name, values.AsSpan<float>());
        return values;
    }

    public void Dispose() => _file.Dispose();

    private (Dictionary<string, SafetensorsEntry> Entries, Dictionary<string, string> Metadata) ReadHeader()
    {
        var fileLength = RandomAccess.GetLength(_file);
        if (fileLength < 8)
        {
            throw Malformed("it is shorter than 8 bytes");
        }

        Span<byte> lengthBytes = stackalloc byte[8];
        NumberReader.ReadBytes(_file, Path, 0, lengthBytes);
        var length = BinaryPrimitives.ReadUInt64LittleEndian(lengthBytes);
        if (length > MaxHeaderBytes || (long)length > fileLength - 8)
        {
            throw Malformed($"its header claims {length} bytes");
        }

        var header = new byte[length];
        NumberReader.ReadBytes(_file, Path, 8, header);
        var dataStart = 8 + (long)length;
        var entries = new Dictionary<string, SafetensorsEntry>(StringComparer.Ordinal);
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        try
        {
            using var json = JsonDocument.Parse(header);
            foreach (var property in json.RootElement.EnumerateObject())
            {
                if (property.Name == "__metadata__")
                {
                    foreach (var text in property.Value.EnumerateObject())
                    {
                        metadata[text.Name] = text.Value.GetString() ?? "";
                    }
                }
                else if (!entries.TryAdd(property.Name, Entry(property.Value, dataStart)))
                {
                    throw Malformed($"tensor '{property.Name}' occurs twice");
                }
            }
        }
        catch (Exception error)
            when (error
                    is JsonException
                        or InvalidOperationException
                        or KeyNotFoundException
                        or FormatException
                        or IndexOutOfRangeException
                        or OverflowException
            )
        {
            throw Malformed($"its header is not valid JSON ({error.Message})");
        }

        CheckLayout(entries, dataStart, fileLength);
        foreach (var (name, entry) in entries)
        {
            CheckSize(name, entry);
        }

        return (entries, metadata);
    }

    private static SafetensorsEntry Entry(JsonElement json, long dataStart)
    {
        var offsets = json.GetProperty("data_offsets");
        return new SafetensorsEntry(
            json.GetProperty("dtype").GetString() ?? "",
            [.. json.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64())],
            checked(dataStart + offsets[0].GetInt64()),
            checked(dataStart + offsets[1].GetInt64())
        );
    }

    private void CheckSize(string name, SafetensorsEntry entry)
    {
        if (!NumberTypes.OfSafetensors(entry.Type, out var type))
        {
            throw Malformed($"tensor '{name}' has the unknown type '{entry.Type}'");
        }

        var bytes = (Int128)type.Bytes;
        foreach (var size in entry.Shape)
        {
            bytes *= size;
            if (size < 0 || bytes > long.MaxValue)
            {
                throw Malformed($"tensor '{name}' has the shape [{string.Join(", ", entry.Shape)}]");
            }
        }

        if (bytes != (Int128)entry.End - entry.Start)
        {
            throw Malformed(
                $"tensor '{name}' is {entry.Type} [{string.Join(", ", entry.Shape)}], {bytes} bytes, but has "
                    + $"{(Int128)entry.End - entry.Start}"
            );
        }
    }

    private void CheckLayout(Dictionary<string, SafetensorsEntry> entries, long dataStart, long fileLength)
    {
        var position = dataStart;
        foreach (var (name, entry) in entries.OrderBy(pair => pair.Value.Start).ThenBy(pair => pair.Value.End))
        {
            if (entry.Start != position || entry.End < entry.Start)
            {
                throw Malformed($"the data of tensor '{name}' leaves a gap or overlaps");
            }

            position = entry.End;
        }

        if (position != fileLength)
        {
            throw Malformed($"it has {fileLength} bytes, but its header accounts for {position}; it was truncated or extended");
        }
    }

    private WeightsException Malformed(string why) => new($"{Path}: is not a valid safetensors file: {why}.");
}
