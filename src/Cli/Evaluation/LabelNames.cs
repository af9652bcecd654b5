using System.Globalization;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Cli.Evaluation;

/// <summary>Class names of a split. Zero-shot prompts need names, not numbers.</summary>
public static class LabelNames
{
    /// <summary>
    /// Class names in the order of their numbers, from the split or else the files' metadata; empty if the column
    /// itself contains names.
    /// </summary>
    /// <exception cref="CorpusException">The column contains numbers and there are no names for them.</exception>
    public static IReadOnlyList<string> Of(ZeroShotOptions split, CorpusManifest corpus)
    {
        var names = split.LabelNames.Count > 0 ? split.LabelNames : corpus.ClassNames(split.LabelColumn);
        var type = corpus.Columns.First(column => column.Name == split.LabelColumn).Type;
        return names.Count > 0 || type is "VARCHAR" or "BLOB" ? names : throw Numbers(split, type);
    }

    /// <summary>Returns the class name for a value of the column.</summary>
    /// <exception cref="CorpusException">The value is a number without a name.</exception>
    public static string Name(ZeroShotOptions split, IReadOnlyList<string> names, string value)
    {
        if (
            !long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            || names.Contains(value, StringComparer.Ordinal)
        )
        {
            return value;
        }

        if (names.Count == 0)
        {
            throw Numbers(split, $"for example '{value}'");
        }

        return number >= 0 && number < names.Count
            ? names[(int)number]
            : throw new CorpusException(
                $"Evaluation split '{split.Name}': label {value} in column {split.LabelColumn} is out of range for {names.Count} class "
                    + "names, numbered from 0."
            );
    }

    private static CorpusException Numbers(ZeroShotOptions split, string what) =>
        new(
            $"Evaluation split '{split.Name}': column {split.LabelColumn} holds numbers ({what}), but prompts need class names. "
                + "Set label_names to the names in the order of their numbers."
        );
}
