using ClipTrain.DataPipeline.Corpus.Parquet;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>
/// Writes one Parquet file of embeddings: <c>file</c> and <c>row</c> say of which row of the corpus, <c>image_embedding</c> and
/// <c>text_embedding</c> are lists of fp32 numbers. The file appears under its name only when <see cref="Complete"/> has
/// written and synced all of it; disposing the writer before that leaves nothing behind.
/// </summary>
public sealed class EmbeddingWriter : IDisposable
{
    /// <summary>A row group ends when one column holds this many bytes.</summary>
    private const int MaxColumnBytes = 64 << 20;

    private readonly ParquetColumnBuffer _name = new("file", isText: true);
    private readonly ParquetIntegers _row = new("row");
    private readonly ParquetVectors? _image, _text;
    private readonly ParquetFileWriter _file;

    /// <param name="path">The file to write; one that exists is replaced.</param>
    /// <param name="dimensions">Numbers of an embedding.</param>
    /// <param name="images">Whether there are images' embeddings.</param>
    /// <param name="texts">Whether there are captions' embeddings.</param>
    public EmbeddingWriter(string path, int dimensions, bool images, bool texts)
    {
        _image = images ? new ParquetVectors("image_embedding", dimensions) : null;
        _text = texts ? new ParquetVectors("text_embedding", dimensions) : null;
        _file = new ParquetFileWriter(path, [.. ((ParquetColumn?[])[_name, _row, _image, _text]).OfType<ParquetColumn>()]);
    }

    /// <param name="file">The corpus' file.</param>
    /// <param name="row">The row in it, from 0.</param>
    /// <param name="image">The image's embedding, where there are any.</param>
    /// <param name="text">The caption's, where there are any.</param>
    public void Add(string file, long row, ReadOnlySpan<float> image, ReadOnlySpan<float> text)
    {
        _name.AddText(file);
        _row.Add(row);
        _image?.Add(image);
        _text?.Add(text);
        _file.AddRow();
        if (Math.Max(_image?.Bytes ?? 0, _text?.Bytes ?? 0) >= MaxColumnBytes)
            _file.Flush();
    }

    /// <summary>Writes what is left, syncs the file to disk and gives it its name.</summary>
    public void Complete() => _file.Complete();

    public void Dispose() => _file.Dispose();
}
