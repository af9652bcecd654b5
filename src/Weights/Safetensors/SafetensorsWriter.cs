using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;
using ClipTrain.Weights.Tensors;

namespace ClipTrain.Weights.Safetensors;

/// <summary>One tensor of a safetensors file: row-major, in native memory that stays valid while it is written.</summary>
public sealed record NamedTensor(string Name, IReadOnlyList<long> Shape, nint Data, NumberType Type = NumberType.Float32)
{
    public long ByteCount => Shape.Aggregate(1L, (product, size) => product * size) * Type.Bytes();
}

/// <summary>A tensor's entry in a safetensors header.</summary>
public sealed record TensorHeader(string Name, IReadOnlyList<long> Shape, NumberType Type)
{
    public long Count => Shape.Aggregate(1L, (product, size) => product * size);

    public long ByteCount => Count * Type.Bytes();
}

/// <summary>
/// Writes safetensors: length of the header (u64, little-endian), JSON header (name → dtype, shape, data_offsets) padded with
/// spaces to 8 bytes, then the data without gaps.
/// </summary>
public static class SafetensorsWriter
{
    private const int ChunkBytes = 1 << 24;

    public static void Write(Stream stream, IReadOnlyList<NamedTensor> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        var place = tensors.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        Write(
            stream,
            [.. tensors.Select(tensor => new TensorHeader(tensor.Name, tensor.Shape, tensor.Type))],
            metadata,
            (tensor, data) => Copy(place[tensor.Name], data)
        );
    }

    /// <summary>Writes tensors whose data a callback provides one by one.</summary>
    public static void Write(
        Stream stream,
        IReadOnlyList<TensorHeader> tensors,
        IReadOnlyDictionary<string, string> metadata,
        Action<TensorHeader, Stream> write
    )
    {
        var header = Header(tensors, metadata);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        stream.Write(length);
        stream.Write(header);
        foreach (var tensor in tensors)
        {
            write(tensor, stream);
        }
    }

    /// <summary>Size of the file that tensors make.</summary>
    public static long ByteCount(IReadOnlyList<TensorHeader> tensors, IReadOnlyDictionary<string, string> metadata) =>
        sizeof(ulong) + Header(tensors, metadata).Length + tensors.Sum(tensor => tensor.ByteCount);

    private static unsafe void Copy(NamedTensor tensor, Stream stream)
    {
        for (long done = 0; done < tensor.ByteCount; done += ChunkBytes)
        {
            stream.Write(new ReadOnlySpan<byte>((byte*)tensor.Data + done, (int)Math.Min(ChunkBytes, tensor.ByteCount - done)));
        }
    }

    private static byte[] Header(IReadOnlyList<TensorHeader> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartObject("__metadata__");
            foreach (var (key, value) in metadata)
            {
                json.WriteString(key, value);
            }

            json.WriteEndObject();
            long offset = 0;
            foreach (var tensor in tensors)
            {
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.Type.SafetensorsName());
                json.WriteStartArray("shape");
                foreach (var size in tensor.Shape)
                {
                    json.WriteNumberValue(size);
                }

                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += tensor.ByteCount);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        var padding = (8 - (buffer.WrittenCount % 8)) % 8;
        buffer.Write("       "u8[..padding]);
        return buffer.WrittenSpan.ToArray();
    }
}
