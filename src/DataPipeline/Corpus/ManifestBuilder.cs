using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using ClipTrain.DataPipeline.Corpus.Parquet;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>Combines the descriptions of files into a manifest and checks that they are compatible. No I/O.</summary>
internal sealed class ManifestBuilder(CorpusColumns wanted)
{
    private readonly List<CorpusFile> _files = [];
    private List<ParquetField> _columns = [];
    private FoundColumn? _image;
    private FoundColumn[] _captions = [];

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
        {
            throw new CorpusException(
                $"the corpus has no rows ({_files.Count} files, the first is {_files[0].Path}); name files with samples"
            );
        }

        if (_captions.Append(_image!).FirstOrDefault(c => c.Kind == ColumnKind.Null) is { } empty)
        {
            throw new CorpusException(
                $"column {empty.Address} has no values in any file ({_files[0].Path}); name another column (data.image_column, "
                    + $"data.caption_column), or rewrite the files with values. The columns are {ColumnResolver.List(_columns)}"
            );
        }

        var image = ColumnResolver.ImageSource(_image!);
        var caption = _captions.Length == 0 ? null : ColumnResolver.FirstCaption(_captions);
        CorpusSource[] choices = wanted.EveryCaption ? [.. _captions.Select(ColumnResolver.AllCaptions)] : [];
        AppendText(hash, image.Expression);
        AppendText(hash, caption?.Expression ?? "");
        foreach (var choice in choices)
        {
            AppendText(hash, choice.Expression);
        }

        return new CorpusManifest(
            _files,
            [.. _columns.Select(c => new CorpusColumn(c.Name, c.Type))],
            image,
            caption,
            Convert.ToHexStringLower(hash.GetHashAndReset()),
            choices
        )
        {
            ColumnsTaken = _captions.Append(_image!).Any(c => c.Passed.Count > 0)
                ? $"image column {Taken([_image!])}{(caption is null ? "" : $", caption column {Taken(_captions)}")}"
                : null,
        };
    }

    private static string Taken(FoundColumn[] columns)
    {
        string[] passed = [.. columns.SelectMany(c => c.Passed)];
        return string.Join(", ", columns.Select(c => c.Address)) + (passed.Length == 0 ? "" : $" (not {string.Join(", ", passed)})");
    }

    private void Add(ParquetDescription description)
    {
        var path = description.File.Path;
        if (_files.Count == 0)
        {
            _columns = [.. description.Fields];
            _image = ColumnResolver.Image(description.Fields, wanted.Image, path);
            if (wanted.CaptionRequired || wanted.Captions.Count > 0 || ColumnResolver.HasCaption(description.Fields, path))
            {
                _captions = [.. ColumnResolver.Captions(description.Fields, wanted.Captions, path)];
            }
        }
        else
        {
            _image = Same(_image!, description, address => ColumnResolver.Image(description.Fields, address, path));
            _captions =
            [
                .. _captions.Select(caption =>
                    Same(caption, description, address => ColumnResolver.Captions(description.Fields, [address], path)[0])
                ),
            ];
            _columns.RemoveAll(c => !description.Fields.Any(other => other.Name == c.Name));
        }

        _files.Add(description.File);
    }

    /// <summary>The column as found in earlier files, or as in this file where the earlier ones have only nulls.</summary>
    private FoundColumn Same(FoundColumn before, ParquetDescription other, Func<string, FoundColumn> find)
    {
        string difference;
        try
        {
            var found = find(before.Address);
            if (found.Kind == before.Kind || found.Kind == ColumnKind.Null)
            {
                return before;
            }

            if (before.Kind == ColumnKind.Null)
            {
                return before with { Kind = found.Kind };
            }

            difference = $"column {before.Address} has different types";
        }
        catch (CorpusException e)
        {
            difference = e.Message;
        }

        throw new CorpusException(
            $"{_files[0].Path} and {other.File.Path} differ in their columns: {difference}. "
                + $"The first has {ColumnResolver.List(_columns)}, the second {ColumnResolver.List(other.Fields)}. Train on files with "
                + "the same columns"
        );
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

/// <summary>The columns to use from a corpus.</summary>
public sealed record CorpusColumns
{
    /// <summary>The image column; null to find it by its usual names.</summary>
    public string? Image { get; init; }

    /// <summary>The caption columns, in order of priority; empty to find one by its usual names.</summary>
    public IReadOnlyList<string> Captions { get; init; } = [];

    /// <summary>False for a corpus that may have no captions, such as a labelled one.</summary>
    public bool CaptionRequired { get; init; } = true;

    /// <summary>True to read all captions of a pair, from which one is chosen in each epoch.</summary>
    public bool EveryCaption { get; init; }
}
