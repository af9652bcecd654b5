using System.Globalization;
using System.Text;
using ClipTrain.Evaluation.Suites;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Cli.Config;

/// <summary>Generator of the Markdown references of run files and suite files.</summary>
internal static class ConfigReference
{
    private const string OfRuns = """
        # Configuration

        A run is described by one YAML file; `configs/` has some to start from. Every key is listed here with its type, its
        default and its range. This page and `configs/schema.json`, which editors use to complete and check a run file, are
        generated from the options in `src/Trainer/Options`.

        - A key that is not known, a wrong type or a value out of range is an error that names the file, the line and the
          nearest right key. All errors are reported at once, before anything starts.
        - `--set training.steps=1000` changes one key on the command line. The value is YAML: `--set data.train=[a,b]`.
          Items of lists have indexes: `--set evaluation.retrieval.0.name=heldout`; the index after the last adds an item.
        - `model` is the name of a file in `configs/models`, the path of a file that ends in `.yaml`, relative to the run file
          or the current directory, or the model's keys themselves. Single keys of a named model can be set:
          `--set model.text.context=32`. Files in `models/` beside the run file, or beside its folder, come before those that
          are shipped.
        - Paths in `data`, `evaluation` and `output` are relative to the current directory.
        - The run directory gets the resolved configuration with every key written out. It can be run again as it is.

        """;

    private const string OfSuites = """
        # Suite files

        An [evaluation suite](evaluation.md) is described by one YAML file; `configs/evaluation` has some to start from. Every key
        is listed here. This page is generated from the options in `src/Evaluation`. Errors name the file, the line and the key;
        all are reported at once, before anything is measured. Paths are relative to the current directory.

        """;

    /// <summary>The reference of run files.</summary>
    public static string Runs() => Generate(OfRuns, typeof(RunOptions));

    /// <summary>The reference of suite files.</summary>
    public static string Suites() => Generate(OfSuites, typeof(SuiteOptions));

    private static string Generate(string introduction, Type options)
    {
        var text = new StringBuilder(introduction.ReplaceLineEndings("\n"));
        WriteSection(text, "", OptionSection.Of(options), isList: false);
        return text.ToString();
    }

    private static void WriteSection(StringBuilder text, string path, OptionSection section, bool isList)
    {
        var heading = path.Length == 0 ? "Top level" : $"`{path}`";
        text.Append('\n').Append("## ").Append(heading).Append("\n\n").Append(section.Description);
        if (isList)
        {
            text.Append(" Each item has these keys.");
        }

        text.Append("\n\n| key | type | default | range | meaning |\n|---|---|---|---|---|\n");
        foreach (var key in section.Keys)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"| `{key.Name}` | {TypeOf(key)} | {DefaultOf(key)} | {RangeOf(key)} | {Escape(key.Description)} |\n"
            );
        }

        foreach (var key in section.Keys.Where(key => key.IsSection))
        {
            WriteSection(text, UnknownKey.Join(path, key.Name), OptionSection.Of(key.ValueType), key.Kind == OptionKind.SectionList);
        }
    }

    private static string TypeOf(OptionKey key) =>
        key.Kind switch
        {
            OptionKind.Section when key.ValueType == typeof(ModelOptions) => "name, path or section",
            OptionKind.Section => "section",
            OptionKind.SectionList => "list of sections",
            OptionKind.TextList => key.OneOrMore ? "text or list of texts" : "list of texts",
            OptionKind.NumberList => "list of numbers",
            OptionKind.IntegerList => "list of whole numbers",
            OptionKind.Choice => string.Join(" or ", key.Choices.Select(choice => $"`{choice}`")),
            OptionKind.Flag => "`true` or `false`",
            OptionKind.Integer => "whole number",
            OptionKind.Number => "number",
            OptionKind.Text => "text",
            _ => throw new ArgumentOutOfRangeException(nameof(key)),
        };

    private static string DefaultOf(OptionKey key) =>
        key.Default switch
        {
            _ when key.Required => "required",
            _ when key.Kind == OptionKind.Section => "",
            null => "none",
            string value => $"`{value}`",
            bool value => value ? "`true`" : "`false`",
            Enum value => $"`{OptionSection.SnakeCase(value.ToString())}`",
            IReadOnlyList<string> { Count: > 0 } list => Escape($"`[{string.Join(", ", list.Select(item => $"\"{item}\""))}]`"),
            System.Collections.ICollection => "`[]`",
            double value => value.ToString("0.######", CultureInfo.InvariantCulture),
            IFormattable value => value.ToString(format: null, CultureInfo.InvariantCulture),
            var value => throw new InvalidOperationException($"{key.Name} has a default of type {value.GetType()}."),
        };

    private static string RangeOf(OptionKey key) =>
        (key.Minimum, key.Maximum) switch
        {
            ({ } minimum, { } maximum) => $"{ScalarReader.Show(minimum)} to {ScalarReader.Show(maximum)}",
            ({ } minimum, null) => $"≥ {ScalarReader.Show(minimum)}",
            (null, { } maximum) => $"≤ {ScalarReader.Show(maximum)}",
            _ => "",
        };

    private static string Escape(string text) => text.Replace("|", "\\|", StringComparison.Ordinal);
}
