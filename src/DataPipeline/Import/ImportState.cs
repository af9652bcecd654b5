using System.Text.Json;

namespace ClipTrain.DataPipeline.Import;

/// <summary>The next row of an import.</summary>
/// <param name="Input">Index of the input.</param>
/// <param name="Row">Rows of it already processed, including failed ones.</param>
public readonly record struct ImportCursor(int Input, long Row);

/// <summary>A finished file of the corpus.</summary>
public sealed record ImportShard(string File, long Bytes);

/// <summary>
/// Progress of an import: the contents of <c>import.json</c>, written after every shard. Contains everything that determines the rows, so
/// that an import can only be continued with the same inputs and options.
/// </summary>
public sealed class ImportState
{
    /// <summary>Name of the state file in the corpus's folder.</summary>
    public const string FileName = "import.json";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        NewLine = "\n",
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    /// <summary>Options of the source and the import.</summary>
    public required IReadOnlyDictionary<string, string> Arguments { get; init; }

    /// <summary>The inputs.</summary>
    public required IReadOnlyList<ImportInput> Inputs { get; init; }

    /// <summary>Names of additional values in the source, from which the column names derive.</summary>
    public required IReadOnlyList<string> ExtraNames { get; init; }

    /// <summary>True if the caption column is a list of texts.</summary>
    public bool CaptionLists { get; init; }

    /// <summary>The finished shards.</summary>
    public IList<ImportShard> Shards { get; init; } = [];

    /// <summary>The next row.</summary>
    public ImportCursor Next { get; set; }

    /// <summary>Counts so far.</summary>
    public ImportTally Tally { get; init; } = new();

    /// <summary>True once all rows have been imported.</summary>
    public bool Complete { get; set; }

    /// <summary>The state in a folder; null if no import has written one.</summary>
    /// <exception cref="ImportRefusedException">The file exists but cannot be read.</exception>
    public static ImportState? Load(string directory)
    {
        var path = Path.Combine(directory, FileName);
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize<ImportState>(File.ReadAllBytes(path), Json) ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw new ImportRefusedException(
                $"{path} cannot be read as an import's state ({e.Message}); remove the folder {directory} and import again"
            );
        }
    }

    /// <summary>Writes the state atomically.</summary>
    public void Save(string directory) => WriteAside(Path.Combine(directory, FileName), JsonSerializer.SerializeToUtf8Bytes(this, Json));

    /// <summary>Checks that an import with these arguments and inputs can continue from here.</summary>
    /// <exception cref="ImportRefusedException">It cannot.</exception>
    public void RequireSame(IReadOnlyDictionary<string, string> arguments, IReadOnlyList<ImportInput> inputs, string directory)
    {
        var advice = $"use the same arguments to continue, or another folder than {directory}";
        foreach (var name in Arguments.Keys.Union(arguments.Keys, StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            string? before = Arguments.GetValueOrDefault(name),
                now = arguments.GetValueOrDefault(name);
            if (before != now)
            {
                throw new ImportRefusedException(
                    $"{directory} contains an import with {name} {before ?? "not set"}, but {name} is now {now ?? "not set"}; {advice}"
                );
            }
        }

        if (Inputs.Count != inputs.Count)
        {
            throw new ImportRefusedException(
                $"{directory} contains an import of {Inputs.Count} inputs, but there are now {inputs.Count}; {advice}"
            );
        }

        foreach (var (before, now) in Inputs.Zip(inputs))
        {
            if (before.Path != now.Path)
            {
                throw new ImportRefusedException(
                    $"{directory} contains an import of {before.Path}, but the input is now {now.Path}; {advice}"
                );
            }

            if (before != now)
            {
                throw new ImportRefusedException(
                    $"{now.Path} has changed since its import into {directory} began; remove that folder and import again"
                );
            }
        }

        foreach (
            var shard in Shards.Where(s =>
                new FileInfo(Path.Combine(directory, s.File)) is var file && !(file.Exists && file.Length == s.Bytes)
            )
        )
        {
            throw new ImportRefusedException(
                $"{Path.Combine(directory, shard.File)} is missing or has changed since it was imported; remove the folder {directory} and "
                    + "import again"
            );
        }
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
