using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Import.Tar;

/// <summary>
/// Webdataset shards, as written by img2dataset: consecutive files with the same path up to the first dot of their base name form one
/// sample. Read as a stream; nothing is unpacked to disk.
/// </summary>
public sealed class TarSource : SampleFileSource
{
    /// <param name="paths">Tar files, plain or gzip, or folders of them.</param>
    /// <param name="caption">Extension or JSON field that holds the caption; null for the usual ones.</param>
    /// <param name="isLineEach">True if each line of a text is a caption.</param>
    /// <exception cref="CorpusException">A file is missing.</exception>
    public TarSource(IReadOnlyList<string> paths, string? caption = null, bool isLineEach = false)
        : base("tar", caption, isLineEach) => Inputs = InputFiles.Expand(paths, ".tar", ".tar.gz", ".tgz");

    public override IReadOnlyList<ImportInput> Inputs { get; }

    internal override IEnumerable<PendingRow> Read(int input)
    {
        var path = Inputs[input].Path;
        using var reader = Open(path);
        string? key = null;
        var files = new List<SampleFile>();
        while (true)
        {
            var (next, damage) = Attempt(reader.Next);
            if (damage is not null)
            {
                // The files before the damage are complete and may form a row.
                if (key is not null)
                {
                    yield return Sample(path, reader.Position, key, files);
                }

                yield return Failure(path, reader.Position, damage);
                yield break;
            }

            var name = next is { } header ? SampleName.Parse(header.Name) : null;
            if (key is not null && (next is null || (name is not null && name.Value.Key != key)))
            {
                yield return Sample(path, reader.Position, key, files);
                (key, files) = (null, []);
            }

            if (next is null)
            {
                yield break;
            }

            if (name is not { } member)
            {
                continue;
            }

            key = member.Key;
            var accepted = SampleFiles.Accepted(member.Extension, Caption);
            if (accepted == 0)
            {
                continue;
            }

            if (next.Value.Size > accepted)
            {
                files.Add(new SampleFile(member.Extension, Content: null));
                continue;
            }

            var (content, broken) = Attempt(() => reader.Read(next.Value));
            if (broken is not null)
            {
                yield return Failure(path, reader.Position, broken);
                yield break;
            }

            files.Add(new SampleFile(member.Extension, content));
        }
    }

    private static TarReader Open(string path)
    {
        try
        {
            return new TarReader(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CorpusException($"{path} cannot be read: {e.Message}", e);
        }
    }

    private static (T? Value, ImportRowException? Damage) Attempt<T>(Func<T> read)
    {
        try
        {
            return (read(), null);
        }
        catch (ImportRowException e)
        {
            return (default, e);
        }
    }

    private PendingRow Sample(string path, long position, string key, List<SampleFile> files) =>
        new($"{path}:{key}", position, files.Sum(f => f.Content?.LongLength ?? 0), () => ToRow(key, files));

    private static PendingRow Failure(string path, long position, ImportRowException damage) =>
        new(path, position, Bytes: 0, () => throw damage);
}

/// <summary>
/// Split of a member's path as in webdataset: <c>a/0001.input.JPG</c> is the key <c>a/0001</c> and the extension <c>input.jpg</c>.
/// </summary>
internal readonly record struct SampleName(string Key, string Extension)
{
    /// <summary>Null for what webdataset passes over: no extension, nothing before the dot, names such as <c>__meta__</c>.</summary>
    public static SampleName? Parse(string path)
    {
        path = path.StartsWith("./", StringComparison.Ordinal) ? path[2..] : path;
        var name = path.LastIndexOf('/') + 1;
        var dot = path.IndexOf('.', name);
        if (dot <= name || path.AsSpan(name).StartsWith("__", StringComparison.Ordinal))
        {
            return null;
        }

        return new SampleName(path[..dot], path[(dot + 1)..].ToLowerInvariant());
    }
}
