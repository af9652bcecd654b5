using System.Globalization;
using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Import.Csv;

/// <summary>The columns of one file: their names, and the indices of image and caption.</summary>
internal sealed record CsvColumns(IReadOnlyList<string> Names, int Image, int Caption)
{
    private static readonly string[] ImageNames =
    [
        "image",
        "filepath",
        "file_path",
        "image_path",
        "path",
        "file",
        "filename",
        "file_name",
        "img",
    ];
    private static readonly string[] CaptionNames = ["caption", "text", "title", "captions"];

    /// <summary>Determines the columns.</summary>
    /// <param name="first">The first record: the header, or a row of a file without header.</param>
    /// <param name="options">The user's options.</param>
    /// <param name="file">The file's name, for errors.</param>
    /// <exception cref="CorpusException">A column is missing or duplicate.</exception>
    public static CsvColumns Find(IReadOnlyList<string> first, CsvOptions options, string file)
    {
        var names = first.Select((name, i) => options.Header && name.Trim().Length > 0 ? name.Trim() : $"column{i + 1}").ToList();
        if (names.GroupBy(n => n, StringComparer.OrdinalIgnoreCase).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw new CorpusException(
                $"{file}:1: the header has two columns named {twice.Key}; rename one, or use --no-header if the first line is not a header"
            );
        }

        var image = Find(names, options.ImageColumn ?? (options.Header ? null : "1"), ImageNames, "image", file);
        var caption = Find(names, options.CaptionColumn ?? (options.Header ? null : "2"), CaptionNames, "caption", file);
        if (image == caption)
        {
            throw new CorpusException(
                $"{file}:1: column {names[image]} cannot be both image and caption; name the columns with --image-column and "
                    + "--caption-column"
            );
        }

        return new CsvColumns(names, image, caption);
    }

    /// <summary>The columns that are neither image nor caption.</summary>
    public IEnumerable<int> Extra() => Enumerable.Range(0, Names.Count).Where(i => i != Image && i != Caption);

    private static int Find(List<string> names, string? requested, string[] usualNames, string role, string file)
    {
        foreach (var name in requested is null ? usualNames : [requested])
        {
            if (names.FindIndex(n => n.Equals(name, StringComparison.OrdinalIgnoreCase)) is >= 0 and var index)
            {
                return index;
            }
        }

        if (
            int.TryParse(requested, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number >= 1
            && number <= names.Count
        )
        {
            return number - 1;
        }

        throw new CorpusException(
            requested is null
                ? $"{file}:1: the header has no {role} column with a usual name ({string.Join(", ", usualNames)}). Name it, or give its "
                    + $"number from 1, with --{role}-column. The columns are: {string.Join(", ", names)}. Is the delimiter right "
                    + "(--delimiter)?"
                : $"{file}:1: there is no column {requested} (--{role}-column); there are {names.Count}: {string.Join(", ", names)}. Is "
                    + "the delimiter right (--delimiter)?"
        );
    }
}
