using Parquet;
using Parquet.Schema;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>
/// Writes one Parquet file of embeddings: <c>file</c> and <c>row</c> identify the row of the corpus, <c>image_embedding</c> and
/// <c>text_embedding</c> are lists of fp32 numbers. The file appears under its name only after <see cref="Complete"/> has written and
/// synced all of it; disposing the writer earlier leaves nothing behind.
/// </summary>
public sealed class EmbeddingWriter : IDisposable
{
    /// <summary>Bytes of one column that end a row group.</summary>
    private const int MaxColumnBytes = 64 << 20;

    private static readonly ParquetOptions Options = new() { CompressionMethod = CompressionMethod.None, DictionaryEncodingThreshold = 0 };

    private readonly string _path,
        _temporary;
    private readonly int _dimensions;
    private readonly ParquetSchema _schema;
    private readonly FileStream _output;
    private readonly ParquetWriter _writer;
    private readonly List<string> _files = [];
    private readonly List<long> _rows = [];
    private readonly List<float>?[] _vectors;
    private bool _isEmpty = true;

    /// <param name="path">The file to write; an existing one is replaced.</param>
    /// <param name="dimensions">Size of an embedding.</param>
    /// <param name="images">True to write image embeddings.</param>
    /// <param name="texts">True to write text embeddings.</param>
    public EmbeddingWriter(string path, int dimensions, bool images, bool texts)
    {
        _path = Path.GetFullPath(path);
        _temporary = $"{_path}.{Guid.NewGuid():N}.tmp";
        _dimensions = dimensions;
        _vectors = [images ? [] : null, texts ? [] : null];
        Field?[] fields =
        [
            new DataField<string>("file", nullable: false),
            new DataField<long>("row", nullable: false),
            images ? Vector("image_embedding") : null,
            texts ? Vector("text_embedding") : null,
        ];
        _schema = new ParquetSchema(fields.OfType<Field>());
        Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
        _output = new FileStream(_temporary, FileMode.CreateNew, FileAccess.Write);
        _writer = ParquetWriter.CreateAsync(_schema, _output, Options).GetAwaiter().GetResult();
    }

    /// <summary>Adds a row.</summary>
    /// <param name="file">File of the corpus.</param>
    /// <param name="row">The row in it, from 0.</param>
    /// <param name="image">The image's embedding, [dimensions]; ignored without image embeddings.</param>
    /// <param name="text">The caption's embedding, [dimensions]; ignored without text embeddings.</param>
    public void Add(string file, long row, ReadOnlySpan<float> image, ReadOnlySpan<float> text)
    {
        Add(_vectors[0], image, nameof(image));
        Add(_vectors[1], text, nameof(text));
        _files.Add(file);
        _rows.Add(row);
        if ((long)_rows.Count * _dimensions * sizeof(float) >= MaxColumnBytes)
        {
            Flush();
        }
    }

    /// <summary>Writes pending rows, syncs the file to disk and renames it to its final name.</summary>
    public void Complete()
    {
        if (_rows.Count > 0 || _isEmpty)
        {
            Flush();
        }

        _writer.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _output.Flush(flushToDisk: true);
        _output.Dispose();
        File.Move(_temporary, _path, overwrite: true);
    }

    public void Dispose()
    {
        _output.Dispose();
        File.Delete(_temporary);
    }

    private void Add(List<float>? vectors, ReadOnlySpan<float> vector, string name)
    {
        if (vectors is null)
        {
            return;
        }

        if (vector.Length != _dimensions)
        {
            throw new ArgumentException($"a vector of {vector.Length} numbers in a column of {_dimensions}", name);
        }

        vectors.AddRange(vector);
    }

    private void Flush()
    {
        using var group = _writer.CreateRowGroup();
        var fields = _schema.DataFields;
        group.WriteAsync(fields[0], _files).GetAwaiter().GetResult();
        group.WriteAsync<long>(fields[1], _rows.ToArray()).GetAwaiter().GetResult();
        foreach (var (number, vectors) in _vectors.OfType<List<float>>().Index())
        {
            WriteVectors(group, fields[2 + number], vectors);
        }

        group.CompleteValidate();
        _files.Clear();
        _rows.Clear();
        _isEmpty = false;
    }

    /// <summary>Writes a column of vectors. No value is null; repetition level 0 starts a row's list, 1 continues it.</summary>
    private void WriteVectors(ParquetRowGroupWriter group, DataField field, List<float> vectors)
    {
        int[] definition = new int[vectors.Count],
            repetition = new int[vectors.Count];
        Array.Fill(definition, field.MaxDefinitionLevel);
        for (var i = 0; i < repetition.Length; i++)
        {
            repetition[i] = i % _dimensions == 0 ? 0 : 1;
        }

        group.WriteAllPartsAsync<float>(field, vectors.ToArray(), definition, repetition, CancellationToken.None).GetAwaiter().GetResult();
        vectors.Clear();
    }

    private static ListField Vector(string name) => new(name, new DataField<float>("element", nullable: false));
}
