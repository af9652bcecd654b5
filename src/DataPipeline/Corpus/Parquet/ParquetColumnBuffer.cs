using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace ClipTrain.DataPipeline.Corpus.Parquet;

/// <summary>An optional column of bytes or texts.</summary>
/// <param name="name">The column's name.</param>
/// <param name="isText">UTF-8 text, or plain bytes.</param>
/// <param name="group">The struct that the column is a field of, or null.</param>
internal sealed class ParquetColumnBuffer(string name, bool isText, string? group = null) : ParquetColumn(name, group)
{
    private readonly List<bool> _present = [];
    private int _nulls;

    public override IReadOnlyList<SchemaElement> Schema { get; } =
        [new(name, SchemaElement.Optional, Type: SchemaElement.ByteArray, Annotation: isText ? SchemaAnnotation.Text : SchemaAnnotation.None)];

    public override int Count => _present.Count;

    public override int Nulls => _nulls;

    public void AddNull()
    {
        _present.Add(false);
        _nulls++;
    }

    /// <summary>Adds a value: 4 bytes of length, then the bytes.</summary>
    public void Add(ReadOnlySpan<byte> value)
    {
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, value.Length);
        Values.Append(length);
        Values.Append(value);
        _present.Add(true);
    }

    /// <summary>Adds a text, or a null.</summary>
    public void AddText(string? text)
    {
        if (text is null)
            AddNull();
        else
            Add(Encoding.UTF8.GetBytes(text));
    }

    public override void WritePage(Stream output) => WritePage(output, DefinitionLevels());

    public override void Clear()
    {
        base.Clear();
        _present.Clear();
        _nulls = 0;
    }

    /// <summary>1 where there is a value, 0 where it is null.</summary>
    private ArrayBufferWriter<byte> DefinitionLevels()
    {
        var levels = new ArrayBufferWriter<byte>();
        for (int start = 0, end; start < _present.Count; start = end)
        {
            for (end = start + 1; end < _present.Count && _present[end] == _present[start];)
                end++;
            WriteRun(levels, end - start, _present[start]);
        }

        return levels;
    }
}
