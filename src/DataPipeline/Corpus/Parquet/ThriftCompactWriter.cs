using System.Buffers;
using System.Text;

namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>
/// Thrift's compact protocol, as far as Parquet's metadata needs it
/// (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
/// </summary>
internal sealed class ThriftCompactWriter
{
    private const byte Int32Type = 5, Int64Type = 6, BinaryType = 8, ListType = 9, StructType = 12;
    private const int ShortListLimit = 15;

    private readonly ArrayBufferWriter<byte> _bytes = new();
    private readonly Stack<int> _outerFields = new();
    private int _lastField;

    public ReadOnlySpan<byte> Written => _bytes.WrittenSpan;

    public void Int32(int field, int value)
    {
        Header(field, Int32Type);
        ZigZag(value);
    }

    public void Int64(int field, long value)
    {
        Header(field, Int64Type);
        ZigZag(value);
    }

    public void String(int field, string value)
    {
        Header(field, BinaryType);
        StringValue(value);
    }

    public void Struct(int field, Action content)
    {
        Header(field, StructType);
        StructValue(content);
    }

    public void Int32List(int field, params ReadOnlySpan<int> values)
    {
        ListHeader(field, Int32Type, values.Length);
        foreach (var value in values)
        {
            ZigZag(value);
        }
    }

    public void StringList(int field, IReadOnlyList<string> values)
    {
        ListHeader(field, BinaryType, values.Count);
        foreach (var value in values)
        {
            StringValue(value);
        }
    }

    public void StructList<T>(int field, IReadOnlyList<T> items, Action<T> content)
    {
        ListHeader(field, StructType, items.Count);
        foreach (var item in items)
        {
            StructValue(() => content(item));
        }
    }

    /// <summary>Ends the outermost struct.</summary>
    public void Stop() => Byte(0);

    private void StructValue(Action content)
    {
        _outerFields.Push(_lastField);
        _lastField = 0;
        content();
        Stop();
        _lastField = _outerFields.Pop();
    }

    /// <summary>Fields come in ascending order and Parquet's ids are below 16, so the short form always fits.</summary>
    private void Header(int field, byte type)
    {
        Byte((byte)(field - _lastField << 4 | type));
        _lastField = field;
    }

    private void ListHeader(int field, byte elementType, int count)
    {
        Header(field, ListType);
        Byte((byte)(Math.Min(count, ShortListLimit) << 4 | elementType));
        if (count >= ShortListLimit)
        {
            Varint((ulong)count);
        }
    }

    private void StringValue(string value)
    {
        var bytes = Encoding.UTF8.GetBytes(value);
        Varint((ulong)bytes.Length);
        _bytes.Write(bytes);
    }

    private void ZigZag(long value) => Varint((ulong)(value << 1 ^ value >> 63));

    private void Varint(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            Byte((byte)(value | 0x80));
        }

        Byte((byte)value);
    }

    private void Byte(byte value)
    {
        _bytes.GetSpan(1)[0] = value;
        _bytes.Advance(1);
    }
}
