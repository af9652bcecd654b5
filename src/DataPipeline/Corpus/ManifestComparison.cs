using System.Globalization;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>Differences between the files of two manifests.</summary>
public static class ManifestComparison
{
    /// <summary>A description of how another manifest's files differ from these; null if they are the same. Contents are compared by
    /// <see cref="FileStamp.Sample"/>.</summary>
    public static string? DifferenceTo(this CorpusManifest manifest, CorpusManifest other)
    {
        if (manifest.FilesHash == other.FilesHash)
        {
            return Stamped(manifest, other).FirstOrDefault(pair => pair.Mine.Sample != pair.Its.Sample) is { File: { } changed }
                ? $"{changed.Path} has the expected size but different contents"
                : null;
        }

        foreach (var (mine, its) in manifest.Files.Zip(other.Files))
        {
            if (Path.GetFileName(mine.Path) != Path.GetFileName(its.Path) || mine.Rows != its.Rows || mine.Bytes != its.Bytes)
            {
                return $"{its.Path} has {its.Rows} rows in {its.Bytes} bytes, where {mine.Path} with {mine.Rows} rows in {mine.Bytes} "
                    + "bytes is expected";
            }
        }

        return manifest.Files.Count != other.Files.Count
            ? $"it has {other.Files.Count} files, not {manifest.Files.Count}"
            : "a file's contents, the chosen columns, or the names of a mixture's corpora differ";
    }

    /// <summary>A sentence for each file of another manifest of the same files whose time of modification differs.</summary>
    public static IEnumerable<string> TouchedIn(this CorpusManifest manifest, CorpusManifest other) =>
        Stamped(manifest, other)
            .Where(pair => pair.Mine.Modified != pair.Its.Modified)
            .Select(pair => string.Create(CultureInfo.InvariantCulture, $"{pair.File.Path} was written at {pair.Its.Modified:u}"));

    private static IEnumerable<(CorpusFile File, FileStamp Mine, FileStamp Its)> Stamped(CorpusManifest manifest, CorpusManifest other) =>
        manifest
            .Files.Zip(other.Files)
            .Where(pair => pair.First.Stamp is not null && pair.Second.Stamp is not null)
            .Select(pair => (pair.Second, pair.First.Stamp!, pair.Second.Stamp!));
}
