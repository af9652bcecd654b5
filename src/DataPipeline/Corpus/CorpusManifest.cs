using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using ClipTrain.DataPipeline.Corpus.Parquet;
using ClipTrain.DataPipeline.Selection;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>
/// A corpus, or a mixture of several: its files in order, where image and caption are found in them, and which rows are
/// samples. Samples are numbered through all files; the number depends on files and selection only, so it is the same on
/// every worker.
/// </summary>
public sealed class CorpusManifest
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    private readonly ReadGroup[] _groups;
    private readonly int[] _partOfFile;
    private readonly RowMask? _selected;

    [JsonConstructor]
    internal CorpusManifest(
        IReadOnlyList<CorpusFile> files,
        IReadOnlyList<CorpusColumn> columns,
        CorpusSource image,
        CorpusSource? caption,
        string filesHash,
        IReadOnlyList<CorpusSource>? captionChoices = null,
        CorpusSelection? selection = null,
        IReadOnlyList<CorpusPart>? parts = null
    )
    {
        (Files, Columns, Image, Caption, FilesHash, CaptionChoices, Selection) = (
            files,
            columns,
            image,
            caption,
            filesHash,
            captionChoices ?? [],
            selection
        );
        Parts = parts ?? [new CorpusPart("", files.Count, image, caption, CaptionChoices)];
        _partOfFile = [.. Parts.SelectMany((part, number) => Enumerable.Repeat(number, part.Files))];
        RowCount = files.Sum(f => f.Rows);
        _selected = selection?.Unpack(RowCount);
        Hash = _selected?.HashWith(filesHash) ?? filesHash;
        _groups = ReadGroup.Cut(files, _selected);
        SampleCount = _groups.Sum(g => (long)g.Samples);
        GroupRows = Array.ConvertAll(_groups, g => g.Samples);
    }

    /// <summary>The corpora of a mixture in their order; one without a name otherwise.</summary>
    public IReadOnlyList<CorpusPart> Parts { get; }

    /// <summary>The files, in the order of the parts and of their full paths.</summary>
    public IReadOnlyList<CorpusFile> Files { get; }

    /// <summary>The columns that all files have.</summary>
    public IReadOnlyList<CorpusColumn> Columns { get; }

    /// <summary>Where the image bytes are, in a mixture those of the first part.</summary>
    public CorpusSource Image { get; }

    /// <summary>Where the caption is, in a mixture that of the first part; null if the corpus was opened without.</summary>
    public CorpusSource? Caption { get; }

    /// <summary>
    /// All captions of a pair, a list of texts a column, for one to be chosen in each epoch, in a mixture those of the first part; empty
    /// where <see cref="Caption"/> is it.
    /// </summary>
    public IReadOnlyList<CorpusSource> CaptionChoices { get; }

    /// <summary>The rows that are samples; null for all.</summary>
    public CorpusSelection? Selection { get; }

    /// <summary>
    /// SHA-256 (hexadecimal) of the chosen columns, and of each file's name without folder, size, row count and Parquet
    /// metadata; of a mixture, of its corpora's hashes and names. A resumed run and a worker compare it to refuse another corpus.
    /// </summary>
    public string FilesHash { get; }

    /// <summary>SHA-256 (hexadecimal) of what the samples and their order depend on: the files and which rows are selected.</summary>
    [JsonIgnore]
    public string Hash { get; }

    /// <summary>
    /// Which columns image and caption are taken from, in words, where others would have fitted; null where there was no choice.
    /// </summary>
    [JsonIgnore]
    public string? ColumnsTaken { get; internal init; }

    /// <summary>Rows in all files.</summary>
    [JsonIgnore]
    public long RowCount { get; }

    /// <summary>Rows that are samples.</summary>
    [JsonIgnore]
    public long SampleCount { get; }

    /// <summary>
    /// Samples of each group that is read and shuffled as a whole: the row groups, those of more than 2,048 rows cut in parts.
    /// </summary>
    [JsonIgnore]
    public IReadOnlyList<int> GroupRows { get; }

    internal ReadOnlySpan<ReadGroup> Groups => _groups;

    /// <summary>The part that a file is of.</summary>
    internal CorpusPart PartOf(int file) => Parts[_partOfFile[file]];

    /// <summary>Looks at every file's metadata; reads no images.</summary>
    /// <param name="pathsFoldersOrGlobs">Parquet files, folders of them, or globs.</param>
    /// <param name="imageColumn">The image column, or null to find it by its usual names.</param>
    /// <param name="captionColumn">The caption column, or null to find it by its usual names.</param>
    /// <param name="captionRequired">False for a corpus that may have no captions, such as a labelled one.</param>
    /// <exception cref="CorpusException">Something is missing, damaged or unclear; the message says what to do.</exception>
    public static CorpusManifest Create(
        IReadOnlyList<string> pathsFoldersOrGlobs,
        string? imageColumn = null,
        string? captionColumn = null,
        bool captionRequired = true
    )
    {
        return Create(
            pathsFoldersOrGlobs,
            new CorpusColumns
            {
                Image = imageColumn,
                Captions = captionColumn is null ? [] : [captionColumn],
                CaptionRequired = captionRequired,
            }
        );
    }

    /// <inheritdoc cref="Create(IReadOnlyList{string}, string?, string?, bool)"/>
    /// <param name="columns">The columns that are used.</param>
    public static CorpusManifest Create(IReadOnlyList<string> pathsFoldersOrGlobs, CorpusColumns columns)
    {
        return new ManifestBuilder(columns).Build(CorpusPaths.Expand(pathsFoldersOrGlobs).Select(ParquetInspector.Describe));
    }

    /// <summary>The columns of the first file, whatever they hold.</summary>
    /// <exception cref="CorpusException">There is no such file, or it cannot be read.</exception>
    public static IReadOnlyList<CorpusColumn> ColumnsOf(IReadOnlyList<string> pathsFoldersOrGlobs) =>
        [
            .. ParquetInspector
                .Describe(CorpusPaths.Expand(pathsFoldersOrGlobs)[0])
                .Fields.Select(field => new CorpusColumn(field.Name, field.Type)),
        ];

    /// <summary>
    /// The names of a column's classes in the order of their numbers, where the files' metadata has them; none otherwise.
    /// </summary>
    /// <exception cref="CorpusException">A file cannot be read, or two files name classes differently.</exception>
    public IReadOnlyList<string> ClassNames(string column) => HuggingFaceFeatures.ClassNames(Files, column);

    /// <summary>
    /// One manifest for a mixture: the corpora's samples are numbered one corpus after the other, each with its own selection.
    /// </summary>
    /// <param name="corpora">The corpora with their names.</param>
    public static CorpusManifest Mix(IReadOnlyList<(string Name, CorpusManifest Corpus)> corpora)
    {
        var first = corpora[0].Corpus;
        return new CorpusManifest(
            [.. corpora.SelectMany(c => c.Corpus.Files)],
            [
                .. first.Columns.Where(column =>
                    corpora.All(c => c.Corpus.Columns.Any(other => other.Name.Equals(column.Name, StringComparison.Ordinal)))
                ),
            ],
            first.Image,
            first.Caption,
            Convert.ToHexStringLower(
                SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', corpora.Select(c => $"{c.Corpus.FilesHash} {c.Name}"))))
            ),
            first.CaptionChoices,
            JoinSelections(corpora),
            [
                .. corpora.Select(c => new CorpusPart(
                    c.Name,
                    c.Corpus.Files.Count,
                    c.Corpus.Image,
                    c.Corpus.Caption,
                    c.Corpus.CaptionChoices
                )),
            ]
        )
        {
            ColumnsTaken = string.Join(
                "; ",
                corpora.Where(c => c.Corpus.ColumnsTaken is not null).Select(c => $"{c.Name}: {c.Corpus.ColumnsTaken}")
            )
                is { Length: > 0 } taken
                ? taken
                : null,
        };
    }

    /// <summary>Samples of the groups of each part, which together are <see cref="GroupRows"/>.</summary>
    public IReadOnlyList<IReadOnlyList<int>> GroupRowsByPart()
    {
        var rows = Parts.Select(_ => new List<int>()).ToArray();
        foreach (var group in _groups)
            rows[_partOfFile[group.File]].Add(group.Samples);
        return rows;
    }

    /// <summary>
    /// Where each group of <see cref="GroupRows"/> lies: its file, numbered as in <see cref="Files"/>, and its number there.
    /// </summary>
    public IEnumerable<(int File, int Group)> GroupLocations()
    {
        var (file, number) = (-1, 0);
        foreach (var group in _groups)
        {
            (file, number) = group.File == file ? (file, number + 1) : (group.File, 0);
            yield return (file, number);
        }
    }

    /// <summary>The file and the row in it (from 0) of a sample.</summary>
    public (string File, long Row) Locate(long index)
    {
        var (number, row) = Place(index);
        var group = _groups[number];
        return (Files[group.File].Path, group.FirstRow + row);
    }

    /// <summary>A sample's name in reports, <c>file:row</c>.</summary>
    public string Key(long index)
    {
        var (file, row) = Locate(index);
        return $"{file}:{row}";
    }

    /// <summary>The corpus of these files with the samples that another manifest of the same files selects.</summary>
    public CorpusManifest With(CorpusSelection? selection) =>
        new(Files, Columns, Image, Caption, FilesHash, CaptionChoices, selection, Parts) { ColumnsTaken = ColumnsTaken };

    /// <summary>
    /// What makes the files of another manifest others than those of this one, in words; null when both are of the same. Their
    /// contents are compared in samples.
    /// </summary>
    public string? DifferenceTo(CorpusManifest other)
    {
        if (FilesHash == other.FilesHash)
            return Stamped(other).FirstOrDefault(pair => pair.Mine.Sample != pair.Its.Sample) is { File: { } changed }
                ? $"{changed.Path} has as many bytes as before, and they are others"
                : null;
        foreach (var (mine, its) in Files.Zip(other.Files))
        {
            if (Path.GetFileName(mine.Path) != Path.GetFileName(its.Path) || mine.Rows != its.Rows || mine.Bytes != its.Bytes)
                return $"{its.Path} has {its.Rows} rows in {its.Bytes} bytes, where {mine.Path} with {mine.Rows} rows in {mine.Bytes} "
                    + "bytes is expected";
        }

        return Files.Count != other.Files.Count
            ? $"it has {other.Files.Count} files, not {Files.Count}"
            : "a file's contents, the chosen columns, or the names of a mixture's corpora differ";
    }

    /// <summary>
    /// In words, the files of another manifest of the same files that have been written at another time than those of this one.
    /// </summary>
    public IEnumerable<string> TouchedIn(CorpusManifest other) =>
        Stamped(other)
            .Where(pair => pair.Mine.Modified != pair.Its.Modified)
            .Select(pair => string.Create(CultureInfo.InvariantCulture, $"{pair.File.Path} was written at {pair.Its.Modified:u}"));

    public void Save(string path) => File.WriteAllBytes(path, JsonSerializer.SerializeToUtf8Bytes(this, Json));

    /// <exception cref="CorpusException">The file is not a manifest.</exception>
    public static CorpusManifest Load(string path)
    {
        try
        {
            return Parse(File.ReadAllBytes(path));
        }
        catch (Exception e) when (e is CorpusException or IOException)
        {
            throw new CorpusException($"{path} cannot be read as a corpus manifest: {e.Message}", e);
        }
    }

    /// <exception cref="CorpusException">The text is not a manifest's.</exception>
    public static CorpusManifest Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize<CorpusManifest>(json, Json) ?? throw new JsonException("it is null");
        }
        catch (Exception e) when (e is JsonException or InvalidDataException)
        {
            throw new CorpusException($"not a corpus manifest: {e.Message}", e);
        }
    }

    /// <summary>The group that a sample lies in, and its row in that group.</summary>
    internal (int Group, int Row) Place(long index)
    {
        var number = GroupOf(index);
        var group = _groups[number];
        var nth = (int)(index - group.FirstIndex);
        return (number, _selected is null ? nth : (int)(_selected.Find(group.FirstCorpusRow, nth) - group.FirstCorpusRow));
    }

    /// <summary>Whether a row, counted through all files, is a sample.</summary>
    internal bool IsSelected(long corpusRow) => _selected?[corpusRow] ?? true;

    internal int GroupOf(long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, SampleCount);
        int low = 0,
            high = _groups.Length - 1;
        while (low < high)
        {
            var middle = (low + high + 1) >>> 1;
            if (_groups[middle].FirstIndex <= index)
                low = middle;
            else
                high = middle - 1;
        }

        return low;
    }

    private IEnumerable<(CorpusFile File, FileStamp Mine, FileStamp Its)> Stamped(CorpusManifest other) =>
        Files
            .Zip(other.Files)
            .Where(pair => pair.First.Stamp is not null && pair.Second.Stamp is not null)
            .Select(pair => (pair.Second, pair.First.Stamp!, pair.Second.Stamp!));

    private static CorpusSelection? JoinSelections(IReadOnlyList<(string Name, CorpusManifest Corpus)> corpora) =>
        corpora.All(c => c.Corpus.Selection is null)
            ? null
            : CorpusSelection.Pack(
                [.. corpora.SelectMany(c => c.Corpus.Selection?.Steps.Select(step => step with { Rule = $"{c.Name}: {step.Rule}" }) ?? [])],
                RowMask.Join([.. corpora.Select(c => c.Corpus._selected ?? new RowMask(c.Corpus.RowCount))])
            );
}
