using System.Buffers.Binary;
using System.Text;
using ClipTrain.DataPipeline.Corpus.Parquet;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>
/// Writes a corpus file: Parquet with the columns image (struct of bytes and path, as Hugging Face lays images out), text,
/// and others of text. Row groups have exactly the rows asked for, the last what is left. The same rows give the same bytes.
/// </summary>
/// <remarks>Uncompressed: encoded images do not shrink. A row group is held in memory until it is whole.</remarks>
public sealed class CorpusWriter : IDisposable
{
    private const string ImageName = "image", TextName = "text";

    private readonly string _path;
    private readonly string _temporaryPath;
    private readonly int _rowGroupSize;
    private readonly FileStream _file;
    private readonly ByteArrayColumn _bytes = new([ImageName, "bytes"], isText: false);
    private readonly ByteArrayColumn _imagePath = new([ImageName, "path"], isText: true);
    private readonly ByteArrayColumn[] _texts;
    private readonly List<WrittenRowGroup> _rowGroups = [];
    private int _rows;
    private bool _completed;

    /// <param name="path">The file that <see cref="Complete"/> leaves; its folder is made.</param>
    /// <param name="extraColumns">Names of the other columns.</param>
    /// <param name="rowGroupSize">Rows in a row group, of which a reader reads one at a time.</param>
    /// <exception cref="CorpusException">Two columns have one name.</exception>
    public CorpusWriter(string path, IReadOnlyList<string> extraColumns, int rowGroupSize)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rowGroupSize, 1);
        RequireDistinct(path, [ImageName, TextName, .. extraColumns]);
        _path = Path.GetFullPath(path);
        _temporaryPath = _path + ".tmp";
        _rowGroupSize = rowGroupSize;
        _texts = [.. extraColumns.Prepend(TextName).Select(name => new ByteArrayColumn([name], isText: true))];
        Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
        _file = new FileStream(_temporaryPath, FileMode.Create, FileAccess.Write, FileShare.None);
        _file.Write("PAR1"u8);
    }

    /// <summary>Adds a row.</summary>
    /// <param name="image">The encoded image; when empty, null is written.</param>
    /// <param name="imagePath">The name the image had.</param>
    /// <param name="caption">Goes to the column text.</param>
    /// <param name="extras">A value for each of the other columns.</param>
    public void Add(ReadOnlySpan<byte> image, string? imagePath, string? caption, IReadOnlyList<string?> extras)
    {
        ObjectDisposedException.ThrowIf(!_file.CanWrite, this);
        if (extras.Count != _texts.Length - 1)
        {
            throw new ArgumentException($"{extras.Count} values for {_texts.Length - 1} columns", nameof(extras));
        }

        AddImage(image, imagePath);
        AddText(_texts[0], caption, 0);
        for (var i = 0; i < extras.Count; i++)
        {
            AddText(_texts[i + 1], extras[i], 0);
        }

        if (++_rows == _rowGroupSize)
        {
            EndRowGroup();
        }
    }

    /// <summary>Writes what is left and the footer, syncs the file to disk and gives it its name, in place of one that had it.</summary>
    public void Complete()
    {
        ObjectDisposedException.ThrowIf(!_file.CanWrite, this);
        if (_rows > 0)
        {
            EndRowGroup();
        }

        var footer = ParquetFileMetadata.Write([_bytes, _imagePath, .. _texts], _rowGroups);
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, footer.Length);
        _file.Write(footer);
        _file.Write(length);
        _file.Write("PAR1"u8);
        _file.Flush(flushToDisk: true);
        _file.Dispose();
        File.Move(_temporaryPath, _path, overwrite: true);
        _completed = true;
    }

    /// <summary>Without <see cref="Complete"/> nothing is left behind.</summary>
    public void Dispose()
    {
        _file.Dispose();
        if (!_completed)
        {
            File.Delete(_temporaryPath);
        }
    }

    private static void RequireDistinct(string path, IReadOnlyList<string> names)
    {
        // DuckDB, and so every reader here, takes names that differ in case only for one.
        var twice = names.GroupBy(name => name, StringComparer.OrdinalIgnoreCase).FirstOrDefault(group => group.Count() > 1);
        if (twice is not null)
        {
            throw new CorpusException($"{path}: two columns are named \"{twice.Key}\"; rename one (\"{ImageName}\" and \"{TextName}\" are taken)");
        }
    }

    private static void AddText(ByteArrayColumn column, string? text, int nullLevel)
    {
        if (text is null)
        {
            column.AddNull(nullLevel);
        }
        else
        {
            column.Add(Encoding.UTF8.GetBytes(text));
        }
    }

    /// <summary>With neither bytes nor path the struct itself is null.</summary>
    private void AddImage(ReadOnlySpan<byte> image, string? imagePath)
    {
        var nullLevel = image.IsEmpty && imagePath is null ? 0 : 1;
        if (image.IsEmpty)
        {
            _bytes.AddNull(nullLevel);
        }
        else
        {
            _bytes.Add(image);
        }

        AddText(_imagePath, imagePath, nullLevel);
    }

    private void EndRowGroup()
    {
        var chunks = new List<ColumnChunk>();
        foreach (var column in (ReadOnlySpan<ByteArrayColumn>)[_bytes, _imagePath, .. _texts])
        {
            var offset = _file.Position;
            chunks.Add(new ColumnChunk(offset, column.WriteTo(_file)));
        }

        _rowGroups.Add(new WrittenRowGroup(_rows, chunks));
        _rows = 0;
    }
}
