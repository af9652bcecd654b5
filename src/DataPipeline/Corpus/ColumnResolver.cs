using ClipTrain.DataPipeline.Corpus.Parquet;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>What a column can be used as.</summary>
internal enum ColumnKind
{
    /// <summary>All values are null: its writer knew no other. It fits whatever the other files have.</summary>
    Null,
    Bytes,

    /// <summary>A struct with the bytes in a field, as Hugging Face's image feature.</summary>
    BytesInStruct,
    Text,
    Texts,
}

/// <summary>A column that was found for a role.</summary>
/// <param name="Address">Its name, or that of a field of a struct as in <c>json.caption</c>.</param>
/// <param name="Kind">What it holds.</param>
/// <param name="Passed">Others that would have fitted.</param>
internal sealed record FoundColumn(string Address, ColumnKind Kind, IReadOnlyList<string> Passed);

/// <summary>Finds the image and caption columns of a corpus among the columns of a file.</summary>
internal static class ColumnResolver
{
    private static readonly string[] ImageNames = ["image", "img", "jpg", "png", "webp", "jpeg"];
    private static readonly string[] CaptionNames = ["text", "caption", "captions", "title"];

    /// <summary>The column with image bytes: the one asked for, or the first with a usual name and a usable type.</summary>
    public static FoundColumn Image(IReadOnlyList<ParquetField> fields, string? requested, string path)
    {
        if (!string.IsNullOrEmpty(requested))
            return Requested(fields, requested, ImageKind, path, "image", "bytes (BLOB) or a struct with a `bytes` field");
        if (Usual(fields, ImageNames, ImageKind, path) is { } found)
            return found;
        if (
            ImageNames.Select(name => Find(fields, name, path)).FirstOrDefault(field => field is not null && IsListOfImages(field)) is
            { } list
        )
            throw new CorpusException(ListOfImages(list, path));
        throw new CorpusException(
            MissingImages.Explain(fields, path)
                ?? $"{path} has no column of image bytes under a usual name ({string.Join(", ", ImageNames)}). Name it with "
                    + $"data.image_column; its columns: {List(fields)}"
        );
    }

    /// <summary>The caption columns: those asked for, or the first with a usual name and a usable type.</summary>
    public static IReadOnlyList<FoundColumn> Captions(IReadOnlyList<ParquetField> fields, IReadOnlyList<string> requested, string path) =>
        requested.Count > 0
            ? [.. requested.Select(name => Requested(fields, name, CaptionKind, path, "caption", "text or a list of texts"))]
            :
            [
                Usual(fields, CaptionNames, CaptionKind, path)
                    ?? throw new CorpusException(
                        $"{path} has no caption column under a usual name ({string.Join(", ", CaptionNames)}). "
                            + $"Name it with data.caption_column, a field of a struct as in json.caption; its columns: {List(fields)}"
                    ),
            ];

    /// <summary>Whether there is a caption column under a usual name, of a type that says that it is text.</summary>
    public static bool HasCaption(IReadOnlyList<ParquetField> fields, string path) =>
        Usual(fields, CaptionNames, field => field.Type is ParquetTypes.Text or ParquetTypes.Texts ? CaptionKind(field) : null, path)
            is not null;

    /// <summary>Where the image is.</summary>
    public static CorpusSource ImageSource(FoundColumn image) =>
        new(
            image.Address,
            image.Kind == ColumnKind.BytesInStruct ? $"struct_extract({Quoted(image.Address)}, 'bytes')" : Quoted(image.Address),
            [image.Address]
        );

    /// <summary>A pair's caption: the first of its caption columns' texts, in their order, that is not blank.</summary>
    public static CorpusSource FirstCaption(IReadOnlyList<FoundColumn> captions)
    {
        string[] addresses = [.. captions.Select(c => c.Address)];
        return captions is [{ Kind: not ColumnKind.Texts } only]
            ? new CorpusSource(only.Address, Quoted(only.Address), addresses)
            : new CorpusSource(
                string.Join(", ", addresses),
                $"coalesce({string.Join(", ", captions.Select(c => $"list_filter({CaptionList(c)}, lambda t: regexp_matches(t, '\\S'))[1]"))})",
                addresses
            );
    }

    /// <summary>All texts of a caption column, as a list.</summary>
    public static CorpusSource AllCaptions(FoundColumn caption) => new(caption.Address, CaptionList(caption), [caption.Address]);

    /// <summary>The field at an address; null where there is none.</summary>
    /// <exception cref="CorpusException">Several columns have that name.</exception>
    public static ParquetField? Find(IReadOnlyList<ParquetField> fields, string address, string path)
    {
        if (Named(fields, address, path) is { } field)
            return field;
        for (var dot = address.IndexOf('.'); dot >= 0; dot = address.IndexOf('.', dot + 1))
        {
            if (
                Named(fields, address[..dot], path) is { } outer
                && !outer.Type.EndsWith("[]", StringComparison.Ordinal)
                && Find(outer.Fields, address[(dot + 1)..], path) is { } inner
            )
                return inner;
        }

        return null;
    }

    /// <summary>The field of a struct that holds an image's bytes, or the column itself.</summary>
    public static ParquetField? ImageBytes(ParquetField field) => field.Leaf is not null ? field : Inner(field, "bytes");

    /// <summary>A field of a struct.</summary>
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
            return new FoundColumn(
                found.Name == requested || requested.Contains('.', StringComparison.Ordinal) ? requested : found.Name,
                kind,
                []
            );
        throw new CorpusException(
            IsListOfImages(found) && role == "image"
                ? ListOfImages(found, path)
                : $"column {found} of {path} cannot be the {role} column: {expected} is needed; its columns: {List(fields)}"
        );
    }

    /// <summary>The first usual name of which the type fits; types that say what they hold before those that may be anything.</summary>
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
            return null;
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
                $"{path} has columns {List([.. similar.Select(f => f.Name)])}, none of which is {name} to the letter; name the one that "
                    + "is meant"
            )
            : similar.FirstOrDefault();
    }

    private static void RequireOne(IReadOnlyList<ParquetField> fields, string name, string path)
    {
        if (fields.Count(f => f.Name == name) > 1)
            throw new CorpusException(
                $"{path} has two columns of one name, {name}; rename or drop one, so that it is clear which is meant. Its columns: "
                    + $"{List(fields)}"
            );
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

    /// <summary>Writers that leave out the mark of UTF-8 make bytes of text; whether it is text shows in the values.</summary>
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
        $"column {list} of {path} is a list of images, and a sample has one. Make a row of each, for example in DuckDB: "
        + $"COPY (SELECT unnest({Quoted(list.Name)}) AS {Quoted(list.Name)}, * EXCLUDE ({Quoted(list.Name)}) FROM 'in.parquet') TO "
        + $"'out.parquet' (ROW_GROUP_SIZE 2048); in pandas it is explode('{list.Name}')";

    private static string CaptionList(FoundColumn column) =>
        column.Kind == ColumnKind.Texts ? Quoted(column.Address) : $"[{Quoted(column.Address)}]";

    private static string Quoted(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
