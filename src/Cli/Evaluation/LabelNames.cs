using System.Globalization;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Cli.Evaluation;

/// <summary>Names of a split's classes, which prompts need: a number describes nothing.</summary>
public static class LabelNames
{
    /// <summary>The names in the order of their numbers: those that the split gives, else those of the files' metadata; none where the column holds names itself.</summary>
    /// <exception cref="CorpusException">The column holds numbers, and nothing names them.</exception>
    public static IReadOnlyList<string> Of(ZeroShotOptions split, CorpusManifest corpus)
    {
        var names = split.LabelNames.Count > 0 ? split.LabelNames : corpus.ClassNames(split.LabelColumn);
        var type = corpus.Columns.First(column => column.Name == split.LabelColumn).Type;
        return names.Count > 0 || type is "VARCHAR" or "BLOB" ? names : throw Numbers(split, type);
    }

    /// <summary>The name that a value of the column stands for.</summary>
    /// <exception cref="CorpusException">It is a number without a name.</exception>
    public static string Name(ZeroShotOptions split, IReadOnlyList<string> names, string value)
    {
        if (
            !long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            || names.Contains(value, StringComparer.Ordinal)
        )
            return value;
        if (names.Count == 0)
            throw Numbers(split, $"for example '{value}'");
        return number >= 0 && number < names.Count
            ? names[(int)number]
            : throw new CorpusException(
                $"Evaluation split '{split.Name}': the label, column {split.LabelColumn}, is {value}, and there are {names.Count} names "
                    + "of classes, from 0 on."
            );
    }

    private static CorpusException Numbers(ZeroShotOptions split, string what) =>
        new(
            $"Evaluation split '{split.Name}': column {split.LabelColumn} holds numbers ({what}), and prompts need the classes' names. "
                + "Set label_names to the names in the order of their numbers."
        );
}
