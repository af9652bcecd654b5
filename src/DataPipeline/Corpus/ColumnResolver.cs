using System.Text.RegularExpressions;
using ClipTrain.DataPipeline.Corpus.DuckDb;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>Finds the image and caption columns of a corpus among the columns of a file.</summary>
internal static partial class ColumnResolver
{
    private static readonly string[] ImageNames = ["image", "img", "jpg", "png", "webp", "jpeg"];
    private static readonly string[] CaptionNames = ["text", "caption", "captions", "title"];

    /// <summary>The column with image bytes: the one asked for, or the first with a usual name and a usable type.</summary>
    public static CorpusSource Image(IReadOnlyList<CorpusColumn> columns, string? requested, string path)
    {
        if (Resolve(columns, requested, ImageNames, ImageExpression, path, "image", "bytes (BLOB) or a struct with a `bytes` field") is { } source)
            return source;
        var url = columns.FirstOrDefault(c => c.Name.Equals("url", StringComparison.OrdinalIgnoreCase));
        throw new CorpusException(url is not null
            ? $"{path} has URLs (column {url.Name}) but no image bytes: it is a list of images, not the images. Download them first, "
              + $"for example with img2dataset and output_format parquet, and train on what that writes. Its columns: {List(columns)}"
            : $"{path} has no column of image bytes under a usual name ({string.Join(", ", ImageNames)}). "
              + $"Name it with data.image_column; its columns: {List(columns)}");
    }

    /// <summary>The column with captions: the one asked for, or the first with a usual name and a usable type.</summary>
    public static CorpusSource Caption(IReadOnlyList<CorpusColumn> columns, string? requested, string path) =>
        Resolve(columns, requested, CaptionNames, CaptionExpression, path, "caption", "text or a list of texts")
        ?? throw new CorpusException(
            $"{path} has no caption column under a usual name ({string.Join(", ", CaptionNames)}). "
            + $"Name it with data.caption_column; its columns: {List(columns)}");

    /// <summary>Whether there is a caption column under a usual name.</summary>
    public static bool HasCaption(IReadOnlyList<CorpusColumn> columns) => Resolve(columns, requested: null, CaptionNames, CaptionExpression, "", "", "") is not null;

    /// <summary>Any column, as text.</summary>
    public static CorpusSource Text(IReadOnlyList<CorpusColumn> columns, string name, string path) =>
        Find(columns, name) is { } column
            ? new CorpusSource(column.Name, $"CAST({Sql.Identifier(column.Name)} AS VARCHAR)")
            : throw new CorpusException($"{path} has no column {name}; its columns: {List(columns)}");

    public static string List(IReadOnlyList<CorpusColumn> columns) => string.Join(", ", columns);

    private static CorpusSource? Resolve(
        IReadOnlyList<CorpusColumn> columns, string? requested, string[] usualNames, Func<CorpusColumn, string?> expression, string path, string role, string expected)
    {
        if (!string.IsNullOrEmpty(requested))
        {
            var column = Find(columns, requested)
                ?? throw new CorpusException($"{path} has no column {requested} (data.{role}_column); its columns: {List(columns)}");
            return expression(column) is { } sql
                ? new CorpusSource(column.Name, sql)
                : throw new CorpusException($"column {column} of {path} cannot be the {role} column: {expected} is needed; its columns: {List(columns)}");
        }

        foreach (var name in usualNames)
        {
            if (Find(columns, name) is { } column && expression(column) is { } sql)
                return new CorpusSource(column.Name, sql);
        }

        return null;
    }

    private static CorpusColumn? Find(IReadOnlyList<CorpusColumn> columns, string name) =>
        columns.FirstOrDefault(c => c.Name.Equals(name, StringComparison.Ordinal))
        ?? columns.FirstOrDefault(c => c.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    private static string? ImageExpression(CorpusColumn column)
    {
        if (column.Type is "BLOB")
            return Sql.Identifier(column.Name);
        return StructWithBytes().IsMatch(column.Type) ? $"struct_extract({Sql.Identifier(column.Name)}, 'bytes')" : null;
    }

    private static string? CaptionExpression(CorpusColumn column) => column.Type switch
    {
        "VARCHAR" => Sql.Identifier(column.Name),
        "VARCHAR[]" => $"{Sql.Identifier(column.Name)}[1]",
        _ => null,
    };

    // Hugging Face's image feature: STRUCT(bytes BLOB, path VARCHAR), the fields in either order.
    [GeneratedRegex("""^STRUCT\((?:[^()]*, )?"?bytes"? BLOB[,)]""", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex StructWithBytes();
}
