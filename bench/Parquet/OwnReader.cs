using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.Bench.Parquet;

/// <summary>ClipTrain's reader.</summary>
internal sealed class OwnReader(string path) : IDisposable
{
    private readonly CorpusReader _reader = new(CorpusManifest.Create([path]));

    /// <summary>Reads a row group; returns the bytes of its images and captions.</summary>
    public long Read(int group)
    {
        using var rows = _reader.Read(group);
        long bytes = 0;
        for (var row = 0; row < rows.Rows; row++)
        {
            bytes += rows.Image(row).Length + rows.Caption(row)!.Length;
        }

        return bytes;
    }

    public void Dispose() => _reader.Dispose();
}
