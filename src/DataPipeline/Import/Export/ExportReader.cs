using System.Text.Json;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Corpus.Parquet;

namespace ClipTrain.DataPipeline.Import.Export;

/// <summary>One row of a corpus with all its columns.</summary>
/// <param name="Path">The image file's name, if the corpus has it.</param>
/// <param name="Image">Its bytes; empty if there are none, or if the caption is not UTF-8.</param>
/// <param name="Captions">The captions that are not blank.</param>
/// <param name="Json">The other columns as a JSON object, including nulls, with nested lists and structs; several captions are included
/// too.</param>
internal sealed record ExportRow(string? Path, byte[] Image, IReadOnlyList<string> Captions, byte[] Json);

/// <summary>Reads all columns of a corpus except additional binary ones, in order, a group of rows at a time.</summary>
/// <param name="manifest">A corpus; without <see cref="CorpusManifest.CaptionChoices"/>, one caption per row.</param>
internal sealed class ExportReader(CorpusManifest manifest) : IDisposable
{
    private readonly CorpusReader _reader = new(manifest);
    private readonly OpenParquetFiles _files = new();

    /// <summary>All rows, in corpus order.</summary>
    /// <exception cref="CorpusException">A file is damaged.</exception>
    public IEnumerable<ExportRow> Rows()
    {
        for (var group = 0; group < manifest.RowGroupRows.Count; group++)
        {
            foreach (var row in Read(group))
            {
                yield return row;
            }
        }
    }

    public void Dispose()
    {
        _reader.Dispose();
        _files.Dispose();
    }

    private List<ExportRow> Read(int index)
    {
        var group = manifest.RowGroups[index];
        var path = manifest.Files[group.File].Path;
        using var read = _reader.Read(index);
        try
        {
            var file = _files.Get(path);
            object?[]? names = null;
            if (
                ColumnResolver.Find(file.Fields, manifest.Image.Addresses[0], path) is { } image
                && ColumnResolver.Inner(image, "path") is { Leaf: { } leaf }
            )
            {
                names = file.ReadAny(group.RowGroup, leaf, group.Offset, group.Rows);
            }

            var extra = new ExtraValues(file, group, Extra(file.Fields));
            return [.. Enumerable.Range(0, group.Rows).Select(row => ToRow(read, row, names?[row] as string, extra))];
        }
        catch (Exception e) when (ParquetFailure.Is(e))
        {
            throw ParquetFailure.At($"{path}, rows {group.FirstRow} to {group.FirstRow + group.Rows - 1}", e);
        }
    }

    private ExportRow ToRow(RowGroup read, int row, string? name, ExtraValues extra)
    {
        var image = read.CaptionProblem(row) is null ? read.Image(row).ToArray() : [];
        string[] captions =
        [
            .. (read.CaptionChoices(row)?.SelectMany(column => column) ?? [read.Caption(row)])
                .OfType<string>()
                .Where(text => !string.IsNullOrWhiteSpace(text)),
        ];
        using var buffer = new MemoryStream();
        using (var json = ParquetText.Writer(buffer))
        {
            json.WriteStartObject();
            if (captions.Length > 1)
            {
                json.WritePropertyName(manifest.Caption!.Name);
                ParquetText.Write(json, captions);
            }

            extra.Write(json, row);
            json.WriteEndObject();
        }

        return new ExportRow(name, image, captions, buffer.ToArray());
    }

    private IReadOnlyList<ParquetField> Extra(IReadOnlyList<ParquetField> fields) =>
        [
            .. fields.Where(f =>
                f.Name != manifest.Image.Addresses[0] && !(manifest.Caption?.Addresses.Contains(f.Name, StringComparer.Ordinal) ?? false)
            ),
        ];

    /// <summary>Values of the other columns in a group of rows.</summary>
    private sealed class ExtraValues(ParquetFile file, ReadGroup group, IReadOnlyList<ParquetField> fields)
    {
        private readonly Dictionary<int, object?[]> _values = Leaves(fields)
            .ToDictionary(leaf => leaf.Index, leaf => file.ReadAny(group.RowGroup, leaf, group.Offset, group.Rows));

        public void Write(Utf8JsonWriter json, int row)
        {
            foreach (var field in fields.Where(IsExported))
            {
                json.WritePropertyName(field.Name);
                WriteField(json, field, row);
            }
        }

        private void WriteField(Utf8JsonWriter json, ParquetField field, int row)
        {
            if (field.Leaf is { } leaf)
            {
                ParquetText.Write(json, _values[leaf.Index][row]);
                return;
            }

            json.WriteStartObject();
            foreach (var inner in field.Fields.Where(IsExported))
            {
                json.WritePropertyName(inner.Name);
                WriteField(json, inner, row);
            }

            json.WriteEndObject();
        }

        private static IEnumerable<ParquetLeaf> Leaves(IEnumerable<ParquetField> fields) =>
            fields.Where(IsExported).SelectMany(field => field.Leaf is { } leaf ? [leaf] : Leaves(field.Fields));

        private static bool IsExported(ParquetField field) =>
            field.Leaf is null || !(field.Type.StartsWith(ParquetTypes.Bytes, StringComparison.Ordinal) || field.Type == ParquetTypes.Null);
    }
}
