using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using ClipTrain.DataPipeline.Corpus.Parquet;

namespace ClipTrain.DataPipeline.Corpus;

/// <summary>
/// A corpus, or a mixture of several: its files in order, the sources of image and caption, and the rows that are samples. Samples are
/// numbered through all files; numbers depend only on files and selection, and so are the same on every worker.
/// </summary>
public sealed class CorpusManifest
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    private readonly ReadGroup[] _rowGroups;
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
        _rowGroups = ReadGroup.Cut(files, _selected);
        SampleCount = _rowGroups.Sum(g => (long)g.Samples);
        RowGroupRows = Array.ConvertAll(_rowGroups, g => g.Samples);
    }

    /// <summary>The corpora of a mixture, in order; a single part without a name otherwise.</summary>
    public IReadOnlyList<CorpusPart> Parts { get; }

    /// <summary>The files, ordered by part and full path.</summary>
    public IReadOnlyList<CorpusFile> Files { get; }

    /// <summary>The columns present in all files.</summary>
    public IReadOnlyList<CorpusColumn> Columns { get; }

    /// <summary>Source of the image bytes; in a mixture, that of the first part.</summary>
    public CorpusSource Image { get; }

    /// <summary>Source of the caption; in a mixture, that of the first part. Null if the corpus was opened without captions.</summary>
    public CorpusSource? Caption { get; }

    /// <summary>
    /// All captions of a pair, a list of texts per column, from which one is chosen in each epoch; in a mixture, those of the first part.
    /// Empty if only <see cref="Caption"/> is read.
    /// </summary>
    public IReadOnlyList<CorpusSource> CaptionChoices { get; }

    /// <summary>The rows that are samples; null for all.</summary>
    public CorpusSelection? Selection { get; }

    /// <summary>
    /// SHA-256 (hexadecimal) of the chosen columns and of each file's name without folder, size, row count and Parquet metadata; for a
    /// mixture, of its corpora's hashes and names. Resumed runs and workers compare it to detect another corpus.
    /// </summary>
    public string FilesHash { get; }

    /// <summary>SHA-256 (hexadecimal) of everything that samples and their order depend on: the files and the selected rows.</summary>
    [JsonIgnore]
    public string Hash { get; }

    /// <summary>
    /// A description of the image and caption columns where other columns would have fitted too; null without a choice.
    /// </summary>
    [JsonIgnore]
    public string? ColumnsTaken { get; internal init; }

    /// <summary>Rows in all files.</summary>
    [JsonIgnore]
    public long RowCount { get; }

    /// <summary>Selected rows.</summary>
    [JsonIgnore]
    public long SampleCount { get; }

    /// <summary>
    /// Samples of each group that is read and shuffled as a unit: the row groups, those with more than 2,048 rows split.
    /// </summary>
    [JsonIgnore]
    public IReadOnlyList<int> RowGroupRows { get; }

    internal ReadOnlySpan<ReadGroup> RowGroups => _rowGroups;

    /// <summary>The part of a file.</summary>
    internal CorpusPart PartOf(int file) => Parts[_partOfFile[file]];

    /// <summary>Builds a manifest from the files' metadata; reads no images.</summary>
    /// <param name="pathsFoldersOrGlobs">Parquet files, folders of them, or globs.</param>
    /// <param name="imageColumn">The image column, or null to find it by its usual names.</param>
    /// <param name="captionColumn">The caption column, or null to find it by its usual names.</param>
    /// <param name="captionRequired">False for a corpus that may have no captions, such as a labelled one.</param>
    /// <exception cref="CorpusException">A file or column is missing, damaged or ambiguous; the message says what to do.</exception>
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
    /// <param name="columns">The columns to use.</param>
    public static CorpusManifest Create(IReadOnlyList<string> pathsFoldersOrGlobs, CorpusColumns columns)
    {
        return new ManifestBuilder(columns).Build(CorpusPaths.Expand(pathsFoldersOrGlobs).Select(ParquetInspector.Describe));
    }

    /// <summary>All columns of the first file.</summary>
    /// <exception cref="CorpusException">There is no such file, or it cannot be read.</exception>
    public static IReadOnlyList<CorpusColumn> ColumnsOf(IReadOnlyList<string> pathsFoldersOrGlobs) =>
        [
            .. ParquetInspector
                .Describe(CorpusPaths.Expand(pathsFoldersOrGlobs)[0])
                .Fields.Select(field => new CorpusColumn(field.Name, field.Type)),
        ];

    /// <summary>The class names of a column, in order of their numbers, from the files' metadata; empty if it has none.</summary>
    /// <exception cref="CorpusException">A file cannot be read, or two files name classes differently.</exception>
    public IReadOnlyList<string> ClassNames(string column) => HuggingFaceFeatures.ClassNames(Files, column);

    /// <summary>One manifest for a mixture: samples are numbered one corpus after the other, each with its own selection.</summary>
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

    /// <summary>Samples of the groups of each part; concatenated, these are <see cref="RowGroupRows"/>.</summary>
    public IReadOnlyList<IReadOnlyList<int>> RowGroupRowsByPart()
    {
        var rows = Parts.Select(_ => new List<int>()).ToArray();
        foreach (var group in _rowGroups)
        {
            rows[_partOfFile[group.File]].Add(group.Samples);
        }

        return rows;
    }

    /// <summary>
    /// The location of each group of <see cref="RowGroupRows"/>: its file, an index into <see cref="Files"/>, and its number in that file.
    /// </summary>
    public IEnumerable<(int File, int RowGroup)> RowGroupLocations()
    {
        var (file, number) = (-1, 0);
        foreach (var group in _rowGroups)
        {
            (file, number) = group.File == file ? (file, number + 1) : (group.File, 0);
            yield return (file, number);
        }
    }

    /// <summary>The file and the row in it (from 0) of a sample.</summary>
    public (string File, long Row) Locate(long index)
    {
        var (number, row) = RowOf(index);
        var group = _rowGroups[number];
        return (Files[group.File].Path, group.FirstRow + row);
    }

    /// <summary>A sample's name in reports, <c>file:row</c>.</summary>
    public string Key(long index)
    {
        var (file, row) = Locate(index);
        return $"{file}:{row}";
    }

    /// <summary>The same files with another selection.</summary>
    public CorpusManifest With(CorpusSelection? selection) =>
        new(Files, Columns, Image, Caption, FilesHash, CaptionChoices, selection, Parts) { ColumnsTaken = ColumnsTaken };

    /// <summary>Writes the manifest as JSON.</summary>
    public void Save(string path) => File.WriteAllBytes(path, JsonSerializer.SerializeToUtf8Bytes(this, Json));

    /// <summary>Reads a manifest from a JSON file.</summary>
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

    /// <summary>Reads a manifest from JSON.</summary>
    /// <exception cref="CorpusException">The text is not a manifest.</exception>
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

    /// <summary>The group that contains a sample, and the sample's row in it.</summary>
    internal (int RowGroup, int Row) RowOf(long index)
    {
        var number = RowGroupOf(index);
        var group = _rowGroups[number];
        var nth = (int)(index - group.FirstIndex);
        return (number, _selected is null ? nth : (int)(_selected.Find(group.FirstCorpusRow, nth) - group.FirstCorpusRow));
    }

    /// <summary>True if a row, counted through all files, is a sample.</summary>
    internal bool IsSelected(long corpusRow) => _selected?[corpusRow] ?? true;

    internal int RowGroupOf(long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, SampleCount);
        int low = 0,
            high = _rowGroups.Length - 1;
        while (low < high)
        {
            var middle = (low + high + 1) >>> 1;
            if (_rowGroups[middle].FirstIndex <= index)
            {
                low = middle;
            }
            else
            {
                high = middle - 1;
            }
        }

        return low;
    }

    private static CorpusSelection? JoinSelections(IReadOnlyList<(string Name, CorpusManifest Corpus)> corpora) =>
        corpora.All(c => c.Corpus.Selection is null)
            ? null
            : CorpusSelection.Pack(
                [.. corpora.SelectMany(c => c.Corpus.Selection?.Steps.Select(step => step with { Rule = $"{c.Name}: {step.Rule}" }) ?? [])],
                RowMask.Join([.. corpora.Select(c => c.Corpus._selected ?? new RowMask(c.Corpus.RowCount))])
            );
}
