using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using ClipTrain.DataPipeline.Corpus.Parquet;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>Puts the descriptions of files together to a manifest and checks that they fit each other. No I/O.</summary>
internal sealed class ManifestBuilder(string? imageColumn, string? captionColumn, bool captionRequired)
{
    private readonly List<CorpusFile> _files = [];
    private List<CorpusColumn> _columns = [];
    private CorpusSource? _image, _caption;

    public CorpusManifest Build(IEnumerable<ParquetDescription> descriptions)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var description in descriptions)
        {
            Add(description);
            AppendText(hash, Path.GetFileName(description.File.Path));
            AppendNumber(hash, description.File.Bytes);
            AppendNumber(hash, description.File.Rows);
            AppendNumber(hash, description.Footer.Length);
            hash.AppendData(description.Footer);
        }

        if (_files.Sum(f => f.Rows) == 0)
            throw new CorpusException($"the corpus has no rows ({_files.Count} files, the first is {_files[0].Path}); name files that hold samples");
        AppendText(hash, _image!.Expression);
        AppendText(hash, _caption?.Expression ?? "");
        return new CorpusManifest(_files, _columns, _image, _caption, Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    private void Add(ParquetDescription description)
    {
        var path = description.File.Path;
        if (_files.Count == 0)
        {
            _columns = [.. description.Columns];
            _image = ColumnResolver.Image(description.Columns, imageColumn, path);
            if (captionRequired || captionColumn is not null || ColumnResolver.HasCaption(description.Columns))
                _caption = ColumnResolver.Caption(description.Columns, captionColumn, path);
        }
        else
        {
            RequireSame(_image!, description, columns => ColumnResolver.Image(columns, _image!.Name, path));
            if (_caption is not null)
                RequireSame(_caption, description, columns => ColumnResolver.Caption(columns, _caption.Name, path));
            _columns.RemoveAll(c => !description.Columns.Any(other => other.Name.Equals(c.Name, StringComparison.Ordinal)));
        }

        _files.Add(description.File);
    }

    private void RequireSame(CorpusSource first, ParquetDescription other, Func<IReadOnlyList<CorpusColumn>, CorpusSource> resolve)
    {
        string difference;
        try
        {
            if (resolve(other.Columns) == first)
                return;
            difference = $"column {first.Name} has another type";
        }
        catch (CorpusException e)
        {
            difference = e.Message;
        }

        throw new CorpusException(
            $"{_files[0].Path} and {other.File.Path} differ in their columns: {difference}. "
            + $"The first has {ColumnResolver.List(_columns)}, the second {ColumnResolver.List(other.Columns)}. Train on files of one kind");
    }

    private static void AppendText(IncrementalHash hash, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        AppendNumber(hash, bytes.Length);
        hash.AppendData(bytes);
    }

    private static void AppendNumber(IncrementalHash hash, long number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, number);
        hash.AppendData(bytes);
    }
}
