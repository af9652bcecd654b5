using System.Buffers;
using System.Text;

namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>
/// The part of Thrift's compact protocol that Parquet metadata is written in
/// (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md). Fields must come in rising order.
/// </summary>
internal sealed class ThriftCompactWriter(IBufferWriter<byte> output)
{
    private enum FieldType : byte
    {
        I32 = 5,
        I64 = 6,
        Binary = 8,
        List = 9,
        Struct = 12,
    }

    // The id of the last field of each open struct.
    private readonly Stack<int> _lastField = new([0]);

    public void Int32(int id, int value) => Field(id, FieldType.I32).ZigZag(value);

    public void Int64(int id, long value) => Field(id, FieldType.I64).ZigZag(value);

    public void Text(int id, string value) => Field(id, FieldType.Binary).Bytes(value);

    public void Int32List(int id, params ReadOnlySpan<int> values)
    {
        Field(id, FieldType.List).ListHeader(values.Length, FieldType.I32);
        foreach (var value in values)
            ZigZag(value);
    }

    public void TextList(int id, params ReadOnlySpan<string> values)
    {
        Field(id, FieldType.List).ListHeader(values.Length, FieldType.Binary);
        foreach (var value in values)
            Bytes(value);
    }

    public void Struct(int id, Action write)
    {
        Field(id, FieldType.Struct);
        Body(write);
    }

    public void StructList<T>(int id, IReadOnlyList<T> items, Action<T> write)
    {
        Field(id, FieldType.List).ListHeader(items.Count, FieldType.Struct);
        foreach (var item in items)
            Body(() => write(item));
    }

    /// <summary>Ends the outermost struct.</summary>
    public void End() => Byte(0);

    /// <summary>An unsigned number in 7-bit groups, the lowest first (ULEB128).</summary>
    public static void WriteVarint(IBufferWriter<byte> output, ulong value)
    {
        for (; value >= 0x80; value >>= 7)
            output.Write([(byte)(value | 0x80)]);
        output.Write([(byte)value]);
    }

    private void Body(Action write)
    {
        _lastField.Push(0);
        write();
        Byte(0);
        _lastField.Pop();
    }

    private ThriftCompactWriter Field(int id, FieldType type)
    {
        var delta = id - _lastField.Pop();
        ArgumentOutOfRangeException.ThrowIfLessThan(delta, 1, nameof(id));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(delta, 15, nameof(id));
        _lastField.Push(id);
        Byte((byte)((delta << 4) | (int)type));
        return this;
    }

    private void ListHeader(int count, FieldType type)
    {
        if (count < 15)
        {
            Byte((byte)((count << 4) | (int)type));
            return;
        }

        Byte((byte)(0xF0 | (int)type));
        Varint((ulong)count);
    }

    private void Bytes(string value)
    {
        var bytes = Encoding.UTF8.GetBytes(value);
        Varint((ulong)bytes.Length);
        output.Write(bytes);
    }

    private void ZigZag(long value) => Varint((ulong)((value << 1) ^ (value >> 63)));

    private void Varint(ulong value) => WriteVarint(output, value);

    private void Byte(byte value) => output.Write([value]);
}
