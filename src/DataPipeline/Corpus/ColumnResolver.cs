using ClipTrain.DataPipeline.Corpus.Parquet;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>The contents of a column as far as images and captions are concerned.</summary>
internal enum ColumnKind
{
    /// <summary>Null only: its writer saw no other value. Compatible with any type in other files.</summary>
    Null,
    Bytes,

    /// <summary>A struct with a bytes field, as in Hugging Face's image feature.</summary>
    BytesInStruct,
    Text,
    Texts,
}

/// <summary>A column found for a role.</summary>
/// <param name="Address">Its name, or the path of a struct field such as <c>json.caption</c>.</param>
/// <param name="Kind">Its contents.</param>
/// <param name="Passed">Other columns that would have fitted.</param>
internal sealed record FoundColumn(string Address, ColumnKind Kind, IReadOnlyList<string> Passed);

/// <summary>Finds the image and caption columns of a corpus among the columns of a file.</summary>
internal static class ColumnResolver
{
    private static readonly string[] ImageNames = ["image", "img", "jpg", "png", "webp", "jpeg"];
    private static readonly string[] CaptionNames = ["text", "caption", "captions", "title"];

    /// <summary>The image column: the requested one, or the first with a usual name and a suitable type.</summary>
    public static FoundColumn Image(IReadOnlyList<ParquetField> fields, string? requested, string path)
    {
        if (!string.IsNullOrEmpty(requested))
        {
            return Requested(fields, requested, ImageKind, path, "image", "bytes (BLOB) or a struct with a bytes field");
        }

        if (Usual(fields, ImageNames, ImageKind, path) is { } found)
        {
            return found;
        }

        if (
            ImageNames.Select(name => Find(fields, name, path)).FirstOrDefault(field => field is not null && IsListOfImages(field)) is
            { } list
        )
        {
            throw new CorpusException(ListOfImages(list, path));
        }

        throw new CorpusException(
            MissingImages.Explain(fields, path)
                ?? $"{path} has no image column with a usual name ({string.Join(", ", ImageNames)}). Name it with "
                    + $"data.image_column; its columns: {List(fields)}"
        );
    }

    /// <summary>The caption columns: the requested ones, or the first with a usual name and a suitable type.</summary>
    public static IReadOnlyList<FoundColumn> Captions(IReadOnlyList<ParquetField> fields, IReadOnlyList<string> requested, string path) =>
        requested.Count > 0
            ? [.. requested.Select(name => Requested(fields, name, CaptionKind, path, "caption", "text or a list of texts"))]
            :
            [
                Usual(fields, CaptionNames, CaptionKind, path)
                    ?? throw new CorpusException(
                        $"{path} has no caption column with a usual name ({string.Join(", ", CaptionNames)}). "
                            + $"Name it with data.caption_column (a struct field as in json.caption); its columns: {List(fields)}"
                    ),
            ];

    /// <summary>True if a column has a usual caption name and a text type.</summary>
    public static bool HasCaption(IReadOnlyList<ParquetField> fields, string path) =>
        Usual(fields, CaptionNames, field => field.Type is ParquetTypes.Text or ParquetTypes.Texts ? CaptionKind(field) : null, path)
            is not null;

    /// <summary>The source of the images.</summary>
    public static CorpusSource ImageSource(FoundColumn image) =>
        new(
            image.Address,
            image.Kind == ColumnKind.BytesInStruct ? $"struct_extract({Quoted(image.Address)}, 'bytes')" : Quoted(image.Address),
            [image.Address]
        );

    /// <summary>A pair's caption: the first text that is not blank, in the order of the columns.</summary>
    public static CorpusSource FirstCaption(IReadOnlyList<FoundColumn> captions)
    {
        string[] addresses = [.. captions.Select(c => c.Address)];
        return captions is [{ Kind: not ColumnKind.Texts } only]
            ? new CorpusSource(only.Address, Quoted(only.Address), addresses)
            : new CorpusSource(string.Join(", ", addresses), $"coalesce({string.Join(", ", captions.Select(FirstNotBlank))})", addresses);
    }

    /// <summary>All texts of a caption column, as a list.</summary>
    public static CorpusSource AllCaptions(FoundColumn caption) => new(caption.Address, CaptionList(caption), [caption.Address]);

    /// <summary>The field at an address; null if there is none.</summary>
    /// <exception cref="CorpusException">Several columns have that name.</exception>
    public static ParquetField? Find(IReadOnlyList<ParquetField> fields, string address, string path)
    {
        if (Named(fields, address, path) is { } field)
        {
            return field;
        }

        for (var dot = address.IndexOf('.'); dot >= 0; dot = address.IndexOf('.', dot + 1))
        {
            if (
                Named(fields, address[..dot], path) is { } outer
                && !outer.Type.EndsWith("[]", StringComparison.Ordinal)
                && Find(outer.Fields, address[(dot + 1)..], path) is { } inner
            )
            {
                return inner;
            }
        }

        return null;
    }

    /// <summary>The struct field that holds an image's bytes, or the column itself.</summary>
    public static ParquetField? ImageBytes(ParquetField field) => field.Leaf is not null ? field : Inner(field, "bytes");

    /// <summary>A field of a struct; null if there is none.</summary>
    public static ParquetField? Inner(ParquetField field, string name) =>
        field.Fields.FirstOrDefault(inner => inner.Name.Equals(name, StringComparison.OrdinalIgnoreCase));

    public static string List<T>(IReadOnlyList<T> columns) => string.Join(", ", columns);

    private static FoundColumn Requested(
        IReadOnlyList<ParquetField> fields,
        string requested,
        Func<ParquetField, ColumnKind?> kindOf,
        string path,
        string role,
        string expected
    )
    {
        var found =
            Find(fields, requested, path)
            ?? throw new CorpusException($"{path} has no column {requested} (data.{role}_column); its columns: {List(fields)}");
        if (kindOf(found) is { } kind)
        {
            return new FoundColumn(
                found.Name == requested || requested.Contains('.', StringComparison.Ordinal) ? requested : found.Name,
                kind,
                []
            );
        }

        throw new CorpusException(
            IsListOfImages(found) && role == "image"
                ? ListOfImages(found, path)
                : $"column {found} of {path} cannot be the {role} column, which must be {expected}; its columns: {List(fields)}"
        );
    }

    /// <summary>The first usual name with a suitable type; explicit types come before ambiguous ones.</summary>
    private static FoundColumn? Usual(
        IReadOnlyList<ParquetField> fields,
        string[] usualNames,
        Func<ParquetField, ColumnKind?> kindOf,
        string path
    )
    {
        var fitting = usualNames
            .SelectMany(name =>
                fields.Where(f => f.Name.Equals(name, StringComparison.OrdinalIgnoreCase)).OrderByDescending(f => f.Name == name)
            )
            .Select(field => (Field: field, Kind: kindOf(field)))
            .Where(f => f.Kind is not null)
            .ToArray();
        if (fitting.Length == 0)
        {
            return null;
        }

        var (field, kind) = fitting
            .OrderBy(f =>
                f.Kind == ColumnKind.Null ? 2
                : f.Kind == ColumnKind.Text && f.Field.Type == ParquetTypes.Bytes ? 1
                : 0
            )
            .First();
        RequireOne(fields, field.Name, path);
        return new FoundColumn(field.Name, kind!.Value, [.. fitting.Select(f => f.Field.Name).Where(name => name != field.Name)]);
    }

    private static ParquetField? Named(IReadOnlyList<ParquetField> fields, string name, string path)
    {
        if (fields.FirstOrDefault(f => f.Name == name) is { } exact)
        {
            RequireOne(fields, name, path);
            return exact;
        }

        ParquetField[] similar = [.. fields.Where(f => f.Name.Equals(name, StringComparison.OrdinalIgnoreCase))];
        return similar.Length > 1
            ? throw new CorpusException(
                $"{path} has columns {List([.. similar.Select(f => f.Name)])}, none of which is exactly {name}; use the exact "
                    + "name of one of them"
            )
            : similar.FirstOrDefault();
    }

    private static void RequireOne(IReadOnlyList<ParquetField> fields, string name, string path)
    {
        if (fields.Count(f => f.Name == name) > 1)
        {
            throw new CorpusException(
                $"{path} has two columns named {name}; rename or drop one of them. Its columns: " + $"{List(fields)}"
            );
        }
    }

    private static ColumnKind? ImageKind(ParquetField field) =>
        field.Type switch
        {
            ParquetTypes.Bytes => ColumnKind.Bytes,
            ParquetTypes.Null => ColumnKind.Null,
            _ when field.Leaf is null && !field.Type.EndsWith("[]", StringComparison.Ordinal) => Inner(field, "bytes")?.Type switch
            {
                ParquetTypes.Bytes => ColumnKind.BytesInStruct,
                ParquetTypes.Null => ColumnKind.Null,
                _ => null,
            },
            _ => null,
        };

    /// <summary>Writers that omit the UTF-8 annotation store text as bytes; only the values show whether it is text.</summary>
    private static ColumnKind? CaptionKind(ParquetField field) =>
        field.Type switch
        {
            ParquetTypes.Text or ParquetTypes.Bytes => ColumnKind.Text,
            ParquetTypes.Texts or ParquetTypes.Bytes + "[]" => ColumnKind.Texts,
            ParquetTypes.Null => ColumnKind.Null,
            _ => null,
        };

    private static bool IsListOfImages(ParquetField field) =>
        field.Type == ParquetTypes.Bytes + "[]"
        || (field.Type.EndsWith(")[]", StringComparison.Ordinal) && Inner(field, "bytes")?.Type == ParquetTypes.Bytes);

    private static string ListOfImages(ParquetField list, string path) =>
        $"column {list} of {path} is a list of images, but a sample has one image. Write one row per image, for example in DuckDB: "
        + $"COPY (SELECT unnest({Quoted(list.Name)}) AS {Quoted(list.Name)}, * EXCLUDE ({Quoted(list.Name)}) FROM 'in.parquet') TO "
        + $"'out.parquet' (ROW_GROUP_SIZE 2048); in pandas: explode('{list.Name}')";

    private static string FirstNotBlank(FoundColumn column) => $"list_filter({CaptionList(column)}, lambda t: regexp_matches(t, '\\S'))[1]";

    private static string CaptionList(FoundColumn column) =>
        column.Kind == ColumnKind.Texts ? Quoted(column.Address) : $"[{Quoted(column.Address)}]";

    private static string Quoted(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}

/// <summary>Reasons why a file has no image bytes, with instructions for obtaining the images.</summary>
internal static class MissingImages
{
    /// <returns>The reason, or null if it is unknown.</returns>
    public static string? Explain(IReadOnlyList<ParquetField> fields, string path)
    {
        if (fields.FirstOrDefault(f => f.Name.Equals("url", StringComparison.OrdinalIgnoreCase)) is not { } url)
        {
            return null;
        }
        // img2dataset writes a table beside each of its tars.
        if (File.Exists(Path.ChangeExtension(path, ".tar")))
        {
            return $"{path} has no image bytes: the images are in the tar beside it "
                + $"({Path.GetFileName(Path.ChangeExtension(path, ".tar"))}). "
                + $"Import the tars: cliptrain data import tar {Path.GetDirectoryName(path)} -o FOLDER, and train on that folder";
        }

        return $"{path} has URLs (column {url.Name}) but no image bytes. Download the images first, "
            + "for example with img2dataset and output_format parquet, and train on its output. Its columns: "
            + $"{ColumnResolver.List(fields)}";
    }
}
