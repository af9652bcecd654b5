using System.Globalization;
using System.Text.Json;

namespace ClipTrain.Evaluation.Datasets;

/// <summary>The classes of a set, and the mapping from its label column to them.</summary>
public sealed class ClassList
{
    private const int Unknown = -1;

    private readonly SetOptions _set;
    private readonly Dictionary<string, int> _numbers;
    private readonly IReadOnlyList<string> _all,
        _folders;

    private ClassList(SetOptions set, IReadOnlyList<string> all, IReadOnlyList<string> folders)
    {
        (_set, _all, _folders) = (set, all, folders);
        foreach (var name in set.Subset.Where(name => !all.Contains(name, StringComparer.Ordinal)))
        {
            throw SetError.Of(set.Name, $"subset names '{name}', which is not one of its classes: {Some(all)}.");
        }

        Names = set.Subset.Count > 0 ? set.Subset : all;
        if (Names.Count < 2)
        {
            throw SetError.Of(
                set.Name,
                $"it has one class, '{Names.FirstOrDefault()}': there is nothing to classify. List all classes under classes or in "
                    + "classes_file."
            );
        }

        _numbers = Names.Index().ToDictionary(name => name.Item, name => name.Index, StringComparer.Ordinal);
    }

    /// <summary>Class names, by class number.</summary>
    public IReadOnlyList<string> Names { get; }

    public int Count => Names.Count;

    /// <summary>Finds the class names: from the suite file, a file, the set itself, or the labels if they are names.</summary>
    /// <exception cref="DataPipeline.Corpus.CorpusException">Labels are numbers without names, or there is only one class.</exception>
    public static ClassList Of(SetOptions set, IImageSet images, IReadOnlyList<SetImage> rows)
    {
        var named =
            set.Classes.Count > 0 ? set.Classes
            : set.ClassesFile is { } file ? ReadNames(set, file)
            : images.ClassNames;
        if (named.GroupBy(name => name, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } twice)
        {
            throw SetError.Of(set.Name, $"the class '{twice.Key}' is listed twice; give each class a unique name.");
        }

        if (named.Count > 0)
        {
            return new ClassList(set, named, images.ClassNames);
        }

        var labels = rows.SelectMany(row => Parts(set, row.Label)).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        if (labels.Count == 0)
        {
            throw SetError.Of(set.Name, $"no image has a label in column {set.LabelColumn}. Set label_column.");
        }

        if (labels.Find(IsNumber) is { } number)
        {
            throw SetError.Of(
                set.Name,
                $"column {set.LabelColumn} holds numbers (for example {number}) and has no names for them; prompts need names. Set "
                    + "classes to the names in the order of the numbers, or classes_file to a file with one per line."
            );
        }

        return new ClassList(set, labels, []);
    }

    /// <summary>The class of each image; −1 for images without a class, of unknown class, or outside the subset.</summary>
    /// <exception cref="DataPipeline.Corpus.CorpusException">A label is not one of the classes. The message names the row.</exception>
    public int[] Of(IReadOnlyList<SetImage> rows) => [.. rows.Select(row => row.Label is null ? Unknown : Number(row, row.Label))];

    /// <summary>The classes of each image, for sets with several classes per image.</summary>
    public int[][] SeveralOf(IReadOnlyList<SetImage> rows) =>
        [.. rows.Select(row => Parts(_set, row.Label).Select(part => Number(row, part)).Where(number => number >= 0).ToArray())];

    private int Number(SetImage row, string label)
    {
        if (_numbers.TryGetValue(label, out var number))
        {
            return number;
        }

        if (_all.Contains(label, StringComparer.Ordinal))
        {
            return Unknown;
        }

        if (long.TryParse(label, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var index))
        {
            if (index == -1)
            {
                return Unknown;
            }

            return index >= 0 && index < _all.Count
                ? _numbers.GetValueOrDefault(_all[(int)index], Unknown)
                : throw SetError.Of(
                    _set.Name,
                    $"{row.Key} has the label {index}, but there are only {_all.Count} class names, numbered from 0. Add the missing "
                        + "names, or correct the label."
                );
        }

        // Folders may be named by codes, such as WordNet's; names are then given in folder order.
        if (_folders.Count == _all.Count && _folders.Index().FirstOrDefault(folder => folder.Item == label) is { Item: not null } place)
        {
            return _numbers.GetValueOrDefault(_all[place.Index], Unknown);
        }

        throw SetError.Of(
            _set.Name,
            $"{row.Key} has the label '{label}', which is not one of the {_all.Count} classes: {Some(_all)}. Add it to classes, or correct "
                + "the label."
        );
    }

    private static IEnumerable<string> Parts(SetOptions set, string? label) =>
        label is null ? []
        : set.LabelSeparator is { Length: > 0 } separator
            ? label.Split(separator, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
        : [label];

    private static bool IsNumber(string label) => double.TryParse(label, NumberStyles.Float, CultureInfo.InvariantCulture, out _);

    private static string Some(IReadOnlyList<string> names) => string.Join(", ", names.Take(8)) + (names.Count > 8 ? ", …" : "");

    private static IReadOnlyList<string> ReadNames(SetOptions set, string file)
    {
        try
        {
            if (Path.GetExtension(file) != ".json")
            {
                return [.. File.ReadAllLines(file).Select(line => line.Trim()).Where(line => line.Length > 0)];
            }

            return JsonSerializer.Deserialize<string[]>(File.ReadAllText(file)) ?? [];
        }
        catch (Exception e) when (e is IOException or JsonException or UnauthorizedAccessException)
        {
            throw SetError.Of(set.Name, $"classes_file {file} cannot be read: {e.Message}");
        }
    }
}
