using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using ClipTrain.DataPipeline.Corpus.DuckDb;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>
/// The files, row groups and columns of a corpus, fixed at a run's start. Samples are numbered through all files in order,
/// so that a sample index means the same row for as long as <see cref="Hash"/> is the same.
/// </summary>
public sealed class CorpusManifest
{
    private const int Version = 1;

    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private readonly IReadOnlyList<ParquetColumn> _columns;
    private readonly long[] _fileStarts;
    private readonly int[] _fileFirstGroups;

    private CorpusManifest(IReadOnlyList<CorpusFile> files, IReadOnlyList<ParquetColumn> columns, string imageColumn, string captionColumn)
    {
        _columns = columns;
        Files = files;
        Columns = [.. columns.Select(column => column.Name)];
        RowGroupRows = [.. files.SelectMany(file => file.RowGroupRows)];
        ImageColumn = imageColumn;
        CaptionColumn = captionColumn;
        _fileStarts = Starts(files, file => file.Rows);
        _fileFirstGroups = [.. Starts(files, file => file.RowGroupRows.Count).Select(start => (int)start)];
        RowGroupStarts = Starts(RowGroupRows, rows => rows);
        SampleCount = files.Sum(file => file.Rows);
        Hash = ComputeHash();
    }

    /// <summary>In the order of samples: ordinal by full path.</summary>
    public IReadOnlyList<CorpusFile> Files { get; }

    /// <summary>Rows of each row group of all files.</summary>
    public IReadOnlyList<int> RowGroupRows { get; }

    public long SampleCount { get; }

    /// <summary>Encoded images: a blob, or a struct with a field "bytes".</summary>
    public string ImageColumn { get; }

    /// <summary>Text, or a list of texts of which the first is the caption.</summary>
    public string CaptionColumn { get; }

    /// <summary>The names of all columns.</summary>
    public IReadOnlyList<string> Columns { get; }

    /// <summary>
    /// SHA-256 in hex over the files' names (without folders, so that a corpus can move), sizes, rows of each row group and
    /// footers, and over the image and caption columns.
    /// </summary>
    public string Hash { get; }

    /// <summary>Index of the first sample of each row group.</summary>
    internal IReadOnlyList<long> RowGroupStarts { get; }

    internal string ImageExpression => CorpusColumns.ImageExpression(Column(ImageColumn));

    internal string CaptionExpression => CorpusColumns.CaptionExpression(Column(CaptionColumn));

    /// <summary>Reads the footers of a corpus' files.</summary>
    /// <param name="pathsFoldersOrGlobs">Parquet files, folders (their *.parquet) or globs (with ** for folders at any depth).</param>
    /// <param name="imageColumn">Null or empty: found by its usual names.</param>
    /// <param name="captionColumn">Null or empty: found by its usual names.</param>
    /// <exception cref="CorpusException">A file is missing, no whole Parquet or of another schema than the first; or a column is missing.</exception>
    public static CorpusManifest Create(IReadOnlyList<string> pathsFoldersOrGlobs, string? imageColumn, string? captionColumn)
    {
        using var database = new Database();
        using var connection = database.Connect();
        var paths = CorpusFiles.Expand(pathsFoldersOrGlobs, connection);
        var files = new List<CorpusFile>(paths.Count);
        IReadOnlyList<ParquetColumn> columns = [];
        foreach (var path in paths)
        {
            var footer = ParquetFooter.Sha256(path);
            var fileColumns = ParquetSchema.Columns(connection, path);
            columns = files.Count == 0 ? fileColumns : columns;
            RequireSameSchema(paths[0], columns, path, fileColumns);
            files.Add(new CorpusFile(path, new FileInfo(path).Length, ParquetSchema.RowGroupRows(connection, path), footer));
        }

        return new CorpusManifest(
            files,
            columns,
            CorpusColumns.ResolveImage(paths[0], columns, imageColumn),
            CorpusColumns.ResolveCaption(paths[0], columns, captionColumn));
    }

    /// <exception cref="CorpusException">The file is missing, is no manifest or was edited.</exception>
    public static CorpusManifest Load(string path)
    {
        try
        {
            var stored = JsonSerializer.Deserialize<Stored>(File.ReadAllBytes(path), Json);
            if (stored is not { Version: Version, Files: not null, Columns: not null, ImageColumn: not null, CaptionColumn: not null })
            {
                throw new CorpusException($"{path}: not a corpus manifest of version {Version}; make it again from the corpus");
            }

            var manifest = new CorpusManifest(stored.Files, stored.Columns, stored.ImageColumn, stored.CaptionColumn);
            return string.Equals(manifest.Hash, stored.Hash, StringComparison.Ordinal) ? manifest : throw new CorpusException(
                $"{path}: its contents do not match its hash; make it again from the corpus");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new CorpusException($"{path}: cannot be read as a corpus manifest: {e.Message}", e);
        }
    }

    /// <summary>Writes the manifest as JSON.</summary>
    public void Save(string path) => File.WriteAllBytes(
        path, JsonSerializer.SerializeToUtf8Bytes(new Stored(Version, Hash, ImageColumn, CaptionColumn, _columns, Files), Json));

    /// <summary>The file of a sample and its row there, counted from 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such sample.</exception>
    public (string File, long Row) Locate(long sampleIndex)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sampleIndex);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(sampleIndex, SampleCount);
        var file = LastAtOrBefore(_fileStarts, sampleIndex);
        return (Files[file].Path, sampleIndex - _fileStarts[file]);
    }

    /// <exception cref="CorpusException">There is no column of this name; the message lists those there are.</exception>
    public void RequireColumn(string name) => Column(name);

    /// <summary>The file of a row group.</summary>
    internal CorpusFile FileOf(int rowGroup, out long firstRow)
    {
        var file = LastAtOrBefore(_fileFirstGroups, rowGroup);
        firstRow = RowGroupStarts[rowGroup] - _fileStarts[file];
        return Files[file];
    }

    internal ParquetColumn Column(string name) => CorpusColumns.Named(Files[0].Path, _columns, name);

    private static void RequireSameSchema(string first, IReadOnlyList<ParquetColumn> expected, string path, IReadOnlyList<ParquetColumn> actual)
    {
        var missing = expected.Except(actual).ToList();
        var unknown = actual.Except(expected).ToList();
        if (missing.Count + unknown.Count > 0)
        {
            throw new CorpusException(
                $"{path}: its columns differ from those of {first}: {string.Join(", ", missing.Select(c => $"no {c}").Concat(unknown.Select(c => $"has {c}")))}; "
                + "a corpus' files must have the same columns");
        }
    }

    private static long[] Starts<T>(IReadOnlyList<T> items, Func<T, long> length)
    {
        var starts = new long[items.Count];
        var next = 0L;
        for (var i = 0; i < starts.Length; i++)
        {
            starts[i] = next;
            next += length(items[i]);
        }

        return starts;
    }

    /// <summary>Of equal starts (of what is empty) the last, which is the one that is not.</summary>
    private static int LastAtOrBefore<T>(T[] starts, T index)
        where T : IComparable<T>
    {
        var (low, high) = (0, starts.Length - 1);
        while (low < high)
        {
            var middle = low + (high - low + 1) / 2;
            (low, high) = starts[middle].CompareTo(index) <= 0 ? (middle, high) : (low, middle - 1);
        }

        return low;
    }

    private string ComputeHash()
    {
        var text = new StringBuilder();
        void Append(string field) => text.Append(CultureInfo.InvariantCulture, $"{field.Length}:{field}\n");

        Append(ImageColumn);
        Append(CaptionColumn);
        foreach (var file in Files)
        {
            Append(Path.GetFileName(file.Path));
            Append(file.Bytes.ToString(CultureInfo.InvariantCulture));
            Append(string.Join(',', file.RowGroupRows));
            Append(file.FooterSha256);
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    private sealed record Stored(
        int Version, string Hash, string ImageColumn, string CaptionColumn, IReadOnlyList<ParquetColumn> Columns, IReadOnlyList<CorpusFile> Files);
}
