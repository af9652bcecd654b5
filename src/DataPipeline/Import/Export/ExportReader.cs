using System.Text.Encodings.Web;
using System.Text.Json;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Corpus.DuckDb;

namespace ClipTrain.DataPipeline.Import.Export;

/// <summary>One row of a corpus with all that it says.</summary>
/// <param name="Path">The image file's name, where the corpus has it.</param>
/// <param name="Image">Its bytes; empty where there are none.</param>
/// <param name="Caption">The caption, or null.</param>
/// <param name="Json">The other columns as a JSON object, nulls included: whole numbers and truth values as such, all else as text.</param>
internal sealed record ExportRow(string? Path, byte[] Image, string? Caption, byte[] Json);

/// <summary>Reads all columns of a corpus, in order, a row group or 2,048 rows of a larger one at a time.</summary>
internal sealed class ExportReader(CorpusManifest manifest) : IDisposable
{
    private const int FirstExtra = 3;

    private static readonly JsonWriterOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly string[] Bare = ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "BOOLEAN"];

    private readonly DuckDbConnection _connection = new();
    private readonly CorpusColumn[] _extra =
        [.. manifest.Columns.Where(c => c.Name != manifest.Image.Name && c.Name != manifest.Caption?.Name && !c.Type.Contains("BLOB", StringComparison.Ordinal))];

    /// <exception cref="CorpusException">A file is damaged.</exception>
    public IEnumerable<ExportRow> Rows()
    {
        for (var group = 0; group < manifest.GroupRows.Count; group++)
        {
            foreach (var row in Read(group))
                yield return row;
        }
    }

    public void Dispose() => _connection.Dispose();

    private List<ExportRow> Read(int index)
    {
        var group = manifest.Groups[index];
        var path = manifest.Files[group.File].Path;
        var rows = new List<ExportRow>(group.Rows);
        try
        {
            using var result = _connection.Query(
                $"SELECT {Columns()} FROM {Sql.ReadParquet(path)} WHERE file_row_number BETWEEN ? AND ? ORDER BY file_row_number", group.FirstRow, group.FirstRow + group.Rows - 1);
            while (result.NextChunk())
            {
                for (var row = 0; row < result.Rows; row++)
                    rows.Add(new ExportRow(result.Text(1, row), result.IsNull(0, row) ? [] : result.Bytes(0, row).ToArray(), result.Text(2, row), ToJson(result, row)));
            }
        }
        catch (DuckDbException e)
        {
            throw new CorpusException($"{path}, rows {group.FirstRow} to {group.FirstRow + group.Rows - 1}: cannot be read; copy or download the file again ({e.Message})", e);
        }

        return rows;
    }

    private string Columns()
    {
        var image = manifest.Columns.First(c => c.Name == manifest.Image.Name);
        var path = image.Type.Contains("path VARCHAR", StringComparison.Ordinal) || image.Type.Contains("\"path\" VARCHAR", StringComparison.Ordinal)
            ? $"struct_extract({Sql.Identifier(image.Name)}, 'path')"
            : "NULL::VARCHAR";
        return string.Join(", ", [manifest.Image.Expression, path, manifest.Caption?.Expression ?? "NULL::VARCHAR", .. _extra.Select(c => $"CAST({Sql.Identifier(c.Name)} AS VARCHAR)")]);
    }

    private byte[] ToJson(DuckDbResult result, int row)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, Json))
        {
            json.WriteStartObject();
            for (var i = 0; i < _extra.Length; i++)
            {
                json.WritePropertyName(_extra[i].Name);
                var value = result.Text(FirstExtra + i, row);
                if (value is not null && Bare.Contains(_extra[i].Type, StringComparer.Ordinal))
                    json.WriteRawValue(value);
                else
                    json.WriteStringValue(value);
            }

            json.WriteEndObject();
        }

        return buffer.ToArray();
    }
}
