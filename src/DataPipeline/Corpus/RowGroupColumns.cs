using System.Text;
using System.Text.Unicode;
using ClipTrain.DataPipeline.Corpus.Parquet;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>Reads the columns of one group of rows into a <see cref="RowGroup"/>: only the wanted rows, or all without a mask.</summary>
internal sealed class RowGroupColumns(ParquetFile file, ReadGroup group, string path, bool[]? wanted)
{
    public void ReadImages(RowGroup rows, CorpusSource source)
    {
        var column = Find(source.Addresses[0]);
        if (Values(ColumnResolver.ImageBytes(column)) is { } bytes)
        {
            Visit(bytes, rows.SetImage);
        }
        // Rows without bytes may still have the path of their image, which makes the error clearer.
        if (ColumnResolver.Inner(column, "path") is { Leaf: { } paths } && Wanted().Any(row => rows.Image(row).IsEmpty))
        {
            Visit(
                paths,
                (row, name) =>
                {
                    if (rows.Image(row).IsEmpty)
                    {
                        rows.SetImageProblem(
                            row,
                            $"the image's bytes are null, only its path is set ({Encoding.UTF8.GetString(name)}); store the image "
                                + "files in the corpus, for example with cliptrain data import"
                        );
                    }
                }
            );
        }
    }

    /// <summary>
    /// Reads each row's first text that is not blank, in the order of the columns. With a single text column, blank texts are kept.
    /// </summary>
    public void ReadCaptions(RowGroup rows, CorpusSource source)
    {
        foreach (var address in source.Addresses)
        {
            if (Values(Find(address)) is not { } leaf)
            {
                continue;
            }

            Visit(
                leaf,
                (row, utf8) =>
                {
                    if (rows.CaptionProblem(row) is not null || !string.IsNullOrWhiteSpace(rows.Caption(row)))
                    {
                        return;
                    }

                    if (Text(rows, row, utf8, address) is { } text)
                    {
                        rows.SetCaption(row, text);
                    }
                }
            );
        }
    }

    /// <summary>Reads all texts of each row, column by column.</summary>
    public void ReadChoices(RowGroup rows, IReadOnlyList<CorpusSource> sources)
    {
        var texts = new List<string?>?[group.Rows, sources.Count];
        for (var column = 0; column < sources.Count; column++)
        {
            var (number, field) = (column, Find(sources[column].Addresses[0]));
            if (Values(field) is { } leaf)
            {
                Visit(leaf, (row, utf8) => (texts[row, number] ??= []).Add(Text(rows, row, utf8, field.Name)));
            }
        }

        foreach (var row in Wanted())
        {
            rows.SetChoices(row, [.. Enumerable.Range(0, sources.Count).Select(column => texts[row, column]?.ToArray() ?? [])]);
        }
    }

    /// <summary>Reads the values of a column of any type, as text.</summary>
    public void ReadLabels(RowGroup rows, ParquetField field)
    {
        var leaf = field.Leaf ?? throw new CorpusException($"column {field} of {path} cannot be a label, which must be text or a number");
        var values = file.ReadAny(group.RowGroup, leaf, group.Offset, group.Rows);
        for (var row = 0; row < values.Length; row++)
        {
            rows.SetLabel(row, ParquetText.Of(values[row]));
        }
    }

    private void Visit(ParquetLeaf leaf, VisitValue visit) =>
        file.Read(
            group.RowGroup,
            leaf,
            group.Offset,
            group.Rows,
            (row, value) =>
            {
                if (wanted is null || wanted[row])
                {
                    visit(row, value);
                }
            }
        );

    private IEnumerable<int> Wanted() => Enumerable.Range(0, group.Rows).Where(row => wanted is null || wanted[row]);

    private ParquetField Find(string address) =>
        ColumnResolver.Find(file.Fields, address, path)
        ?? throw new CorpusException(
            $"{path} differs from the manifest (it has no column {address}); restore the original file or start a new run"
        );

    /// <summary>The leaf with a field's values; null if every value is null.</summary>
    private static ParquetLeaf? Values(ParquetField? field) => field is { Type: not ParquetTypes.Null } ? field.Leaf : null;

    /// <summary>
    /// The text; null, with a recorded reason, if the bytes are not UTF-8, since replacing them would train on text that nobody wrote.
    /// </summary>
    private static string? Text(RowGroup rows, int row, ReadOnlySpan<byte> utf8, string column)
    {
        if (Utf8.IsValid(utf8))
        {
            return Encoding.UTF8.GetString(utf8);
        }

        rows.SetCaptionProblem(
            row,
            $"the caption, column {column}, is not UTF-8 ({Encoding.UTF8.GetString(utf8[..Math.Min(utf8.Length, 60)])}); convert the "
                + "text, for example from Latin-1"
        );
        return null;
    }
}
