using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using ClipTrain.DataPipeline.Corpus.Parquet;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>Puts the descriptions of files together to a manifest and checks that they fit each other. No I/O.</summary>
internal sealed class ManifestBuilder(CorpusColumns wanted)
{
    private readonly List<CorpusFile> _files = [];
    private List<CorpusColumn> _columns = [];
    private CorpusSource? _image, _caption;
    private IReadOnlyList<CorpusColumn> _captions = [];

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
        CorpusSource[] choices = wanted.EveryCaption ? [.. _captions.Select(ColumnResolver.AllCaptions)] : [];
        foreach (var choice in choices)
            AppendText(hash, choice.Expression);
        return new CorpusManifest(_files, _columns, _image, _caption, Convert.ToHexStringLower(hash.GetHashAndReset()), choices);
    }

    private void Add(ParquetDescription description)
    {
        var path = description.File.Path;
        if (_files.Count == 0)
        {
            _columns = [.. description.Columns];
            _image = ColumnResolver.Image(description.Columns, wanted.Image, path);
            if (wanted.CaptionRequired || wanted.Captions.Count > 0 || ColumnResolver.HasCaption(description.Columns))
            {
                _captions = ColumnResolver.Captions(description.Columns, wanted.Captions, path);
                _caption = ColumnResolver.FirstCaption(_captions);
            }
        }
        else
        {
            RequireSame(_image!, description, columns => ColumnResolver.Image(columns, _image!.Name, path));
            if (_caption is not null)
                RequireSame(_caption, description, columns => ColumnResolver.FirstCaption(ColumnResolver.Captions(columns, [.. _captions.Select(c => c.Name)], path)));
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
