using System.Text.Json;

namespace ClipTrain.DataPipeline.Import;

/// <summary>The row that an import goes on with.</summary>
/// <param name="Input">Index of the input.</param>
/// <param name="Row">Rows of it that are behind, failed ones included.</param>
public readonly record struct ImportCursor(int Input, long Row);

/// <summary>A file of the corpus that is finished.</summary>
public sealed record ImportShard(string File, long Bytes);

/// <summary>
/// How far an import is: the content of <c>import.json</c>, written after every shard. All that decides the rows is in it,
/// so that an import goes on only as what it began as.
/// </summary>
public sealed class ImportState
{
    /// <summary>Its name in the corpus' folder.</summary>
    public const string FileName = "import.json";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        NewLine = "\n",
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    public required IReadOnlyDictionary<string, string> Arguments { get; init; }

    public required IReadOnlyList<ImportInput> Inputs { get; init; }

    /// <summary>Names of extra values in the source; the columns' names come of them.</summary>
    public required IReadOnlyList<string> ExtraNames { get; init; }

    /// <summary>Whether the caption's column is a list of texts.</summary>
    public bool CaptionLists { get; init; }

    public IList<ImportShard> Shards { get; init; } = [];

    public ImportCursor Next { get; set; }

    public ImportTally Tally { get; init; } = new();

    public bool Complete { get; set; }

    /// <summary>The state in a folder, or null where no import has written one.</summary>
    /// <exception cref="ImportRefusedException">The file is there but cannot be read.</exception>
    public static ImportState? Load(string directory)
    {
        var path = Path.Combine(directory, FileName);
        if (!File.Exists(path))
            return null;
        try
        {
            return JsonSerializer.Deserialize<ImportState>(File.ReadAllBytes(path), Json) ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw new ImportRefusedException(
                $"{path} cannot be read as the state of an import ({e.Message}); remove the folder {directory} and import again"
            );
        }
    }

    /// <summary>Writes the file aside and puts it in place whole.</summary>
    public void Save(string directory) => WriteAside(Path.Combine(directory, FileName), JsonSerializer.SerializeToUtf8Bytes(this, Json));

    /// <summary>Checks that an import with these arguments and inputs may go on from here.</summary>
    /// <exception cref="ImportRefusedException">It may not.</exception>
    public void RequireSame(IReadOnlyDictionary<string, string> arguments, IReadOnlyList<ImportInput> inputs, string directory)
    {
        var advice = $"give the same arguments to go on, or another folder than {directory}";
        foreach (var name in Arguments.Keys.Union(arguments.Keys, StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            string? before = Arguments.GetValueOrDefault(name),
                now = arguments.GetValueOrDefault(name);
            if (before != now)
                throw new ImportRefusedException(
                    $"{directory} holds an import with {name} {before ?? "not set"}, and it is now {now ?? "not set"}; {advice}"
                );
        }

        if (Inputs.Count != inputs.Count)
            throw new ImportRefusedException(
                $"{directory} holds an import of {Inputs.Count} inputs, and there are now {inputs.Count}; {advice}"
            );
        foreach (var (before, now) in Inputs.Zip(inputs))
        {
            if (before.Path != now.Path)
                throw new ImportRefusedException(
                    $"{directory} holds an import of {before.Path}, in the place of which there is now {now.Path}; {advice}"
                );
            if (before != now)
                throw new ImportRefusedException(
                    $"{now.Path} has changed since its import into {directory} began; remove that folder and import again"
                );
        }

        foreach (
            var shard in Shards.Where(s =>
                new FileInfo(Path.Combine(directory, s.File)) is var file && !(file.Exists && file.Length == s.Bytes)
            )
        )
            throw new ImportRefusedException(
                $"{Path.Combine(directory, shard.File)} is gone or is not what the import wrote; remove the folder {directory} and "
                    + "import again"
            );
    }

    internal static void WriteAside(string path, ReadOnlySpan<byte> content)
    {
        var aside = path + ".tmp";
        using (var file = new FileStream(aside, FileMode.Create, FileAccess.Write))
        {
            file.Write(content);
            file.Flush(flushToDisk: true);
        }

        File.Move(aside, path, overwrite: true);
    }
}
