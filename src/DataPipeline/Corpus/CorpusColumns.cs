using ClipTrain.DataPipeline.Corpus.DuckDb;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>Which columns of a corpus hold images and captions, and how SQL reads them.</summary>
internal static class CorpusColumns
{
    private static readonly string[] ImageNames = ["image", "img", "jpg", "jpeg", "png", "webp"];
    private static readonly string[] CaptionNames = ["text", "caption", "captions", "title"];
    private static readonly string[] UrlNames = ["url", "image_url", "img_url", "urls"];

    /// <summary>The image column: the one named, or the first of the usual names that holds images.</summary>
    /// <exception cref="CorpusException">There is none, or the one named does not exist or holds no images.</exception>
    public static string ResolveImage(string file, IReadOnlyList<ParquetColumn> columns, string? name)
    {
        if (name is { Length: > 0 })
        {
            var column = Named(file, columns, name);
            return IsImage(column) ? column.Name : throw new CorpusException(
                $"{file}: column \"{column.Name}\" is {column.Type}; image_column must hold encoded images, as a blob or a struct with a bytes field");
        }

        if (Usual(columns, ImageNames, IsImage) is { } image)
        {
            return image;
        }

        var url = columns.FirstOrDefault(c => UrlNames.Contains(c.Name, StringComparer.OrdinalIgnoreCase)).Name;
        throw new CorpusException(url is not null
            ? $"{file}: holds URLs (column \"{url}\") but no image bytes; download the images first, for example with img2dataset and its output_format parquet"
            : $"{file}: no image column among {List(columns)}; name the one with encoded images as image_column");
    }

    /// <summary>The caption column: the one named, or the first of the usual names that holds text.</summary>
    /// <exception cref="CorpusException">There is none, or the one named does not exist or holds no text.</exception>
    public static string ResolveCaption(string file, IReadOnlyList<ParquetColumn> columns, string? name)
    {
        if (name is { Length: > 0 })
        {
            var column = Named(file, columns, name);
            return IsCaption(column) ? column.Name : throw new CorpusException(
                $"{file}: column \"{column.Name}\" is {column.Type}; caption_column must hold text or a list of texts");
        }

        return Usual(columns, CaptionNames, IsCaption)
            ?? throw new CorpusException($"{file}: no caption column among {List(columns)}; name the one with captions as caption_column");
    }

    /// <summary>The image's bytes, of one of the two layouts.</summary>
    public static string ImageExpression(ParquetColumn column)
    {
        var identifier = Sql.Identifier(column.Name);
        return IsStruct(column) ? $"struct_extract({identifier}, 'bytes')" : identifier;
    }

    /// <summary>The caption, of several the first.</summary>
    public static string CaptionExpression(ParquetColumn column)
    {
        var identifier = Sql.Identifier(column.Name);
        return IsList(column) ? $"list_extract({identifier}, 1)" : identifier;
    }

    /// <summary>A column's real name: case does not matter to DuckDB.</summary>
    /// <exception cref="CorpusException">There is none of that name.</exception>
    public static ParquetColumn Named(string file, IReadOnlyList<ParquetColumn> columns, string name)
    {
        var column = columns.FirstOrDefault(c => string.Equals(c.Name, name, StringComparison.OrdinalIgnoreCase));
        return column.Name is null ? throw new CorpusException($"{file}: no column \"{name}\"; there are {List(columns)}") : column;
    }

    private static string? Usual(IReadOnlyList<ParquetColumn> columns, string[] names, Func<ParquetColumn, bool> fits) =>
        names.SelectMany(name => columns.Where(c => string.Equals(c.Name, name, StringComparison.OrdinalIgnoreCase) && fits(c)))
            .FirstOrDefault().Name;

    private static bool IsImage(ParquetColumn column) => column.Type is "BLOB" || IsStruct(column);

    private static bool IsCaption(ParquetColumn column) => column.Type is "VARCHAR" || IsList(column);

    private static bool IsList(ParquetColumn column) => column.Type is "VARCHAR[]";

    /// <summary>A struct with a direct field "bytes BLOB": not one inside a struct inside it.</summary>
    private static bool IsStruct(ParquetColumn column)
    {
        const string Prefix = "STRUCT(";
        if (!column.Type.StartsWith(Prefix, StringComparison.Ordinal) || !column.Type.EndsWith(')'))
        {
            return false;
        }

        var depth = 0;
        var start = Prefix.Length;
        for (var i = start; i < column.Type.Length; i++)
        {
            var character = column.Type[i];
            if (depth == 0 && character is ',' or ')' && column.Type[start..i].Trim().Replace("\"", "", StringComparison.Ordinal) is "bytes BLOB")
            {
                return true;
            }

            depth += character switch { '(' => 1, ')' => -1, _ => 0 };
            start = depth == 0 && character == ',' ? i + 1 : start;
        }

        return false;
    }

    private static string List(IReadOnlyList<ParquetColumn> columns) => string.Join(", ", columns.Select(c => c.ToString()));
}
