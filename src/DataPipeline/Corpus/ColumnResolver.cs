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
        if (Resolve(columns, requested, ImageNames, c => ImageExpression(c) is not null, path, "image", "bytes (BLOB) or a struct with a `bytes` field") is { } column)
            return new CorpusSource(column.Name, ImageExpression(column)!);
        var url = columns.FirstOrDefault(c => c.Name.Equals("url", StringComparison.OrdinalIgnoreCase));
        throw new CorpusException(url is not null
            ? $"{path} has URLs (column {url.Name}) but no image bytes: it is a list of images, not the images. Download them first, "
              + $"for example with img2dataset and output_format parquet, and train on what that writes. Its columns: {List(columns)}"
            : $"{path} has no column of image bytes under a usual name ({string.Join(", ", ImageNames)}). "
              + $"Name it with data.image_column; its columns: {List(columns)}");
    }

    /// <summary>The caption columns: those asked for, or the first with a usual name and a usable type.</summary>
    public static IReadOnlyList<CorpusColumn> Captions(IReadOnlyList<CorpusColumn> columns, IReadOnlyList<string> requested, string path) =>
        requested.Count > 0
            ? [.. requested.Select(name => Caption(columns, name, path)!)]
            : [Caption(columns, requested: null, path) ?? throw new CorpusException(
                $"{path} has no caption column under a usual name ({string.Join(", ", CaptionNames)}). "
                + $"Name it with data.caption_column; its columns: {List(columns)}")];

    /// <summary>A pair's caption: the first of its caption columns' texts, in their order, that is not blank.</summary>
    public static CorpusSource FirstCaption(IReadOnlyList<CorpusColumn> captions) => captions is [{ Type: "VARCHAR" } only]
        ? new CorpusSource(only.Name, Sql.Identifier(only.Name))
        : new CorpusSource(string.Join(", ", captions.Select(c => c.Name)), $"coalesce({string.Join(", ", captions.Select(c => $"list_filter({CaptionList(c)}, lambda t: regexp_matches(t, '\\S'))[1]"))})");

    /// <summary>All texts of a caption column, as a list.</summary>
    public static CorpusSource AllCaptions(CorpusColumn caption) => new(caption.Name, CaptionList(caption));

    /// <summary>Whether there is a caption column under a usual name.</summary>
    public static bool HasCaption(IReadOnlyList<CorpusColumn> columns) => Caption(columns, requested: null, "") is not null;

    /// <summary>Any column, as text.</summary>
    public static CorpusSource Text(IReadOnlyList<CorpusColumn> columns, string name, string path) =>
        Find(columns, name) is { } column
            ? new CorpusSource(column.Name, $"CAST({Sql.Identifier(column.Name)} AS VARCHAR)")
            : throw new CorpusException($"{path} has no column {name}; its columns: {List(columns)}");

    public static string List(IReadOnlyList<CorpusColumn> columns) => string.Join(", ", columns);

    private static CorpusColumn? Caption(IReadOnlyList<CorpusColumn> columns, string? requested, string path) =>
        Resolve(columns, requested, CaptionNames, c => c.Type is "VARCHAR" or "VARCHAR[]", path, "caption", "text or a list of texts");

    private static CorpusColumn? Resolve(
        IReadOnlyList<CorpusColumn> columns, string? requested, string[] usualNames, Predicate<CorpusColumn> fits, string path, string role, string expected)
    {
        if (string.IsNullOrEmpty(requested))
            return usualNames.Select(name => Find(columns, name)).FirstOrDefault(column => column is not null && fits(column));
        var found = Find(columns, requested)
            ?? throw new CorpusException($"{path} has no column {requested} (data.{role}_column); its columns: {List(columns)}");
        return fits(found)
            ? found
            : throw new CorpusException($"column {found} of {path} cannot be the {role} column: {expected} is needed; its columns: {List(columns)}");
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

    private static string CaptionList(CorpusColumn column) => column.Type == "VARCHAR" ? $"[{Sql.Identifier(column.Name)}]" : Sql.Identifier(column.Name);

    // Hugging Face's image feature: STRUCT(bytes BLOB, path VARCHAR), the fields in either order.
    [GeneratedRegex("""^STRUCT\((?:[^()]*, )?"?bytes"? BLOB[,)]""", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex StructWithBytes();
}
