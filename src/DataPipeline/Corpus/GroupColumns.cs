using System.Text;
using System.Text.Unicode;
using ClipTrain.DataPipeline.Corpus.Parquet;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>
/// Reads the columns of one group of rows into a <see cref="RowGroup"/>: only the rows that are wanted, all where there is no mask.
/// </summary>
internal sealed class GroupColumns(ParquetFile file, ReadGroup group, string path, bool[]? wanted)
{
    public void ReadImages(RowGroup rows, CorpusSource source)
    {
        var column = Find(source.Addresses[0]);
        if (Values(ColumnResolver.ImageBytes(column)) is { } bytes)
            Visit(bytes, rows.SetImage);
        // Rows without bytes may at least say which file they mean.
        if (ColumnResolver.Inner(column, "path") is { Leaf: { } paths } && Wanted().Any(row => rows.Image(row).IsEmpty))
        {
            Visit(
                paths,
                (row, name) =>
                {
                    if (rows.Image(row).IsEmpty)
                        rows.SetImageProblem(
                            row,
                            $"the image's bytes are null and only its path is there ({Encoding.UTF8.GetString(name)}); write the image "
                                + "files into the corpus, for example with cliptrain data import"
                        );
                }
            );
        }
    }

    /// <summary>
    /// For each row the first text, by the order of the columns, that is not blank. Where there is one column of texts, blank ones are
    /// kept.
    /// </summary>
    public void ReadCaptions(RowGroup rows, CorpusSource source)
    {
        foreach (var address in source.Addresses)
        {
            if (Values(Find(address)) is not { } leaf)
                continue;
            Visit(
                leaf,
                (row, utf8) =>
                {
                    if (rows.CaptionProblem(row) is not null || !string.IsNullOrWhiteSpace(rows.Caption(row)))
                        return;
                    if (Text(rows, row, utf8, address) is { } text)
                        rows.SetCaption(row, text);
                }
            );
        }
    }

    /// <summary>All texts of each row, column by column.</summary>
    public void ReadChoices(RowGroup rows, IReadOnlyList<CorpusSource> sources)
    {
        var texts = new List<string?>?[group.Rows, sources.Count];
        for (var column = 0; column < sources.Count; column++)
        {
            var (number, field) = (column, Find(sources[column].Addresses[0]));
            if (Values(field) is { } leaf)
                Visit(leaf, (row, utf8) => (texts[row, number] ??= []).Add(Text(rows, row, utf8, field.Name)));
        }

        foreach (var row in Wanted())
            rows.SetChoices(row, [.. Enumerable.Range(0, sources.Count).Select(column => texts[row, column]?.ToArray() ?? [])]);
    }

    /// <summary>The values of a column of any type, as text.</summary>
    public void ReadLabels(RowGroup rows, ParquetField field)
    {
        var leaf = field.Leaf ?? throw new CorpusException($"column {field} of {path} cannot be a label: text or a number is needed");
        var values = file.ReadAny(group.RowGroup, leaf, group.Offset, group.Rows);
        for (var row = 0; row < values.Length; row++)
            rows.SetLabel(row, ParquetText.Of(values[row]));
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
                    visit(row, value);
            }
        );

    private IEnumerable<int> Wanted() => Enumerable.Range(0, group.Rows).Where(row => wanted is null || wanted[row]);

    private ParquetField Find(string address) =>
        ColumnResolver.Find(file.Fields, address, path)
        ?? throw new CorpusException(
            $"{path} is not the file that the manifest describes (it has no column {address}); put the original back or start a new run"
        );

    /// <summary>Null where every value is null.</summary>
    private static ParquetLeaf? Values(ParquetField? field) => field is { Type: not ParquetTypes.Null } ? field.Leaf : null;

    /// <summary>Null, with a reason, for what is not UTF-8: replacing it would train on something that nobody wrote.</summary>
    private static string? Text(RowGroup rows, int row, ReadOnlySpan<byte> utf8, string column)
    {
        if (Utf8.IsValid(utf8))
            return Encoding.UTF8.GetString(utf8);
        rows.SetCaptionProblem(
            row,
            $"the caption, column {column}, is not UTF-8 ({Encoding.UTF8.GetString(utf8[..Math.Min(utf8.Length, 60)])}); convert the "
                + "text, for example from Latin-1"
        );
        return null;
    }
}
